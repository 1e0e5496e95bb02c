import type { NatsConnection } from '@nats-io/nats-core';
import { Overloaded, Unavailable } from '@stratum/infra/event-store/errors.ts';
import { header, publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readLast } from '@stratum/infra/event-store/read.ts';
import { retrying } from '@stratum/infra/event-store/wait.ts';
import { instantOf, type Life } from './life.ts';
import { type Observed, observe, plantTwins } from './plant.ts';

/** Ticks sent before their acknowledgements are waited for. */
const CHUNK_TICKS = 120;

/** What happens after each chunk of the back-fill is stored, `next` the first tick not sent yet. */
export type OnChunk = (observed: readonly (Observed & { tick: number })[], next: number) => Promise<void>;

/**
 * Sends the ticks from `life.nextTick` up to before `until` straight into DEVICES, each with the instant it was due, and
 * waits until the broker stored them. What was sent before a crash is not sent again.
 * @throws Unavailable when NATS stays away, ServerRefused
 */
export async function backfill(nc: NatsConnection, life: Life, until: number, onChunk: OnChunk): Promise<void> {
  const sentUpTo = await lastTicks(nc, life);
  for (let from = life.nextTick; from < until; from += CHUNK_TICKS) {
    const next = Math.min(until, from + CHUNK_TICKS);
    const ticks = Array.from({ length: next - from }, (_, index) => from + index);
    const observed = ticks.map((tick) => ({ ...observe(life, tick), tick }));
    const send = () => Promise.all(observed.flatMap((one) => messagesOf(nc, life, one, sentUpTo)));
    await retrying(send, { isWorthATry: (error) => error instanceof Unavailable || error instanceof Overloaded });
    await onChunk(observed, next);
  }
}

function messagesOf(
  nc: NatsConnection,
  life: Life,
  { readings, tick }: Observed & { tick: number },
  sentUpTo: ReadonlyMap<string, number>,
): Promise<unknown>[] {
  const observedAt = instantOf(life, tick);
  return [...readings].flatMap(([twinId, values]) => {
    if (tick <= (sentUpTo.get(twinId) ?? -1)) return [];
    const messageId = header('Nats-Msg-Id', `${messagePrefix(life, twinId)}${tick}`);
    const body = Buffer.from(JSON.stringify({ observedAt, values }));
    return [publisherOf(nc).publish(subjectOf(twinId), body, messageId)];
  });
}

/** The newest tick of each twin that DEVICES holds. One connection sent them in order, so it holds those before, too. */
async function lastTicks(nc: NatsConnection, life: Life): Promise<Map<string, number>> {
  const ticks = new Map<string, number>();
  for (const twinId of plantTwins) {
    const last = await retrying(() => readLast(publisherOf(nc), 'DEVICES', subjectOf(twinId)));
    const messageId = last?.headers.get('Nats-Msg-Id') ?? '';
    const prefix = messagePrefix(life, twinId);
    if (messageId.startsWith(prefix)) ticks.set(twinId, Number(messageId.slice(prefix.length)));
  }
  return ticks;
}

const messagePrefix = ({ plantId }: Life, twinId: string): string => `simulator-${plantId}-${twinId}-`;
const subjectOf = (twinId: string): string => `twins.${twinId}.telemetry`;
