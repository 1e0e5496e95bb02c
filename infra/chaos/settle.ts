import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { StreamName } from '@stratum/contracts/envelope.ts';
import { isCopied } from '../event-store/inbox.ts';
import { lastSequence } from '../event-store/reader.ts';
import { askHealth } from '../health.ts';
import { waitFor } from '../testing/waitFor.ts';

const SETTLED_MS_MAX = 120_000;
const LOOK_EVERY_MS = 200;
const ANSWER_MS_MAX = 2_000;

/** What each part of the worker reads; it is at rest when its position is that of the last such message. */
const reads: Record<string, { stream: StreamName; subject: string }> = {
  telemetry: { stream: 'DEVICES', subject: '>' },
  report: { stream: 'DEVICES', subject: 'shopfloor.*.reports' },
  shopfloor: { stream: 'DEVICES', subject: 'shopfloor.>' },
  alert: { stream: 'TELEMETRY', subject: '>' },
  order: { stream: 'PLANT', subject: '>' },
  job: { stream: 'PLANT', subject: 'plant.*.order.*' },
  dispatch: { stream: 'PLANT', subject: 'plant.*.job.*' },
};

/** The last sequences of the three logs, as one text. */
export async function endOfLogs(nc: NatsConnection): Promise<string> {
  const streams: StreamName[] = ['DEVICES', 'TELEMETRY', 'PLANT'];
  const ends = await Promise.all(streams.map(async (stream) => `${stream}:${(await lastSequence(nc, stream)).last}`));
  return ends.join(' ');
}

/**
 * Waits until everything that follows from what was sent has happened, by position: DEVICES holds what the broker has
 * acknowledged, every part of the worker is at the end of what it reads, and the ends of the logs are still where they were before that was asked. Nobody may send meanwhile.
 * @returns the ends of the logs
 * @throws Error naming what is behind, after two minutes
 */
export async function settle(nc: NatsConnection): Promise<string> {
  let behind: string[] = [];
  const isSettled = async () => {
    behind = ['DEVICES'];
    if (!(await isCopied(nc))) return undefined;
    const before = await endOfLogs(nc);
    behind = await partsBehind(nc);
    if (behind.length > 0) return undefined;
    return (await endOfLogs(nc)) === before ? before : undefined;
  };
  const options = { what: 'the plant to settle', msMax: SETTLED_MS_MAX, pollMs: LOOK_EVERY_MS };
  return waitFor(isSettled, options).catch((error: Error) => {
    throw new Error(`${error.message}; behind: ${behind.join(', ') || 'none, but the logs go on'}`);
  });
}

async function partsBehind(nc: NatsConnection): Promise<string[]> {
  const manager = await jetstreamManager(nc, { timeout: ANSWER_MS_MAX, checkAPI: false });
  const ends = await Promise.all(
    Object.entries(reads).map(async ([part, { stream, subject }]) => {
      const last = await manager.direct.getMessage(stream, { last_by_subj: subject });
      return { part, end: last?.seq ?? 0 };
    }),
  );
  const health = await askHealth(nc, 'worker', ANSWER_MS_MAX);
  return ends.flatMap(({ part, end }) => {
    const { status = 'failed', position = 0, detail = '' } = health[`worker/${part}`] ?? {};
    return status === 'ok' && position >= end ? [] : [`${part} ${detail} of ${end}`];
  });
}
