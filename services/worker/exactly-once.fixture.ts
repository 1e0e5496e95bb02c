import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { StreamName } from '@stratum/contracts/envelope.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { listRefusals } from '@stratum/infra/event-store/refused.ts';
import { openStore, type Store } from '@stratum/infra/event-store/store.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import { openLog } from '@stratum/infra/log.ts';
import type { TestNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { alertReactor } from '../alert/alert.reactor.ts';
import { dispatchGateway } from '../job/dispatch.gateway.ts';
import { jobReactor } from '../job/job.reactor.ts';
import { reportGateway } from '../job/report.gateway.ts';
import { orderReactor } from '../order/order.reactor.ts';
import { shopfloorGateway } from '../shopfloor/shopfloor.gateway.ts';
import type { Running, Starter, WorkerDeps } from './deps.ts';

/** The clock of all parts. It stands still, so that only what was read can make a difference. */
export const NOW = '2025-10-01T10:00:00.000Z';
const LIFE_MS_MAX = 30_000;
const LIVES_MAX = 200;

type Part = { start: Starter; stream: StreamName; subject: string };

/** Every part that writes to PLANT, and what it reads. */
export const parts = {
  order: { start: orderReactor, stream: 'PLANT', subject: '>' },
  job: { start: jobReactor, stream: 'PLANT', subject: 'plant.*.order.*' },
  dispatch: { start: dispatchGateway, stream: 'PLANT', subject: 'plant.*.job.*' },
  report: { start: reportGateway, stream: 'DEVICES', subject: 'shopfloor.*.reports' },
  shopfloor: { start: shopfloorGateway, stream: 'DEVICES', subject: 'shopfloor.>' },
  alert: { start: alertReactor, stream: 'TELEMETRY', subject: '>' },
} satisfies Record<string, Part>;
export type PartName = keyof typeof parts;

/** How a part is run until it has come to the end of what it reads. */
export type Mode = (plant: Observed, name: PartName) => Promise<unknown>;
/** A server, and a connection to it that only looks. */
export type Observed = { server: TestNats; nc: NatsConnection };

const once: Mode = (plant, name) => live(plant, parts[name], { isMortal: false });

/** Dies after every effect: recorded it is, but neither its caller nor its checkpoint knows. */
const killed: Mode = async (plant, name) => {
  for (let lives = 1; lives <= LIVES_MAX; lives++) {
    if ((await live(plant, parts[name], { isMortal: true })) === 'at the end') return;
  }
  throw new Error(`${name} was not done after ${LIVES_MAX} lives`);
};

export const modes: Record<string, Mode> = {
  once,
  'again from the beginning': async (plant, name) => {
    await once(plant, name);
    const checkpoints = await bucket(plant.nc, 'checkpoints');
    for await (const key of await checkpoints.keys()) await checkpoints.delete(key);
    await once(plant, name);
  },
  'two at once': (plant, name) => Promise.all([once(plant, name), once(plant, name)]),
  'killed after every effect': killed,
};

/** One life of a part, on a connection and memory of its own; ends when nothing is left to do, or at its first effect. */
async function live({ server, nc: observer }: Observed, part: Part, { isMortal }: { isMortal: boolean }) {
  const nc = await connectNats(server.url, { name: 'life' });
  const ending = new AbortController();
  let isDead = false;
  const store = openStore(nc);
  const append: Store['append'] = async (...what) => {
    const outcome = await store.append(...what);
    if (!isMortal || 'conflict' in outcome) return outcome;
    isDead = true;
    ending.abort();
    await nc.close();
    throw new Unavailable('killed');
  };
  const deps: WorkerDeps = {
    nc,
    store: { ...store, append },
    now: () => new Date(NOW),
    logger: openLog('life', 'silent'),
    signal: ending.signal,
    config: { mqttUrl: server.mqttUrl, mqttIsForeign: false },
  };
  try {
    const running = await part.start(deps);
    const isOver = async () => isDead || (await isAtEnd(observer, part, running));
    await waitFor(isOver, { what: `${running.name} to come to the end`, msMax: LIFE_MS_MAX });
    ending.abort();
    // Nobody waits for the dead: what they had under way tries in vain for a while.
    if (isDead) running.stopped.catch(() => undefined);
    else await running.stopped;
  } catch (error) {
    if (!isDead) throw error;
  }
  if (!nc.isClosed()) await nc.close();
  return isDead ? 'dead' : 'at the end';
}

/** Whether all that a part reads is done, and what it did has added nothing to it. */
async function isAtEnd(nc: NatsConnection, { stream, subject }: Part, { position }: Running): Promise<boolean> {
  const manager = await jetstreamManager(nc, { checkAPI: false });
  const end = async () => (await manager.direct.getMessage(stream, { last_by_subj: subject }))?.seq ?? 0;
  const before = await end();
  return position() >= before && (await end()) === before;
}

/**
 * What happened to each aggregate, in order, and what was refused, in words that do not depend on how aggregates overtook
 * each other: a position is told as the number of a message among those of its subject, an instant of the broker's clock as
 * `then`.
 */
export async function story(nc: NatsConnection): Promise<{ events: Record<string, string[]>; refused: string[] }> {
  const names = new Map<string, string>();
  const named = async (stream: 'PLANT' | 'DEVICES', subjects: string) => {
    const messages = await readSubject(publisherOf(nc), stream, subjects, 0);
    for (const [subject, all] of Map.groupBy(messages, (message) => message.subject)) {
      for (const [index, { sequence }] of all.entries()) names.set(`${stream}:${sequence}`, `${subject}#${index + 1}`);
    }
    return messages;
  };
  await named('DEVICES', 'shopfloor.>');
  const messages = await named('PLANT', 'plant.>');
  const told = (value: unknown) =>
    JSON.stringify(value)
      .replaceAll(/(PLANT|DEVICES):\d+/g, (position) => names.get(position) ?? position)
      .replaceAll(/20(?!25-10-01)\d\d-\d\d-\d\dT[\d:.]+Z/g, 'then');
  const events: Record<string, string[]> = {};
  for (const message of messages) {
    const event = decodePlantEvent(message);
    if (event === undefined) throw new Error(`${message.subject} holds something unknown`);
    const { type, data, envelope } = event;
    events[message.subject] = [...(events[message.subject] ?? []), told({ type, data, envelope })];
  }
  const refusals = await listRefusals(nc, { limit: 200 });
  const refused = refusals.map(({ source, reason, detail }) => told({ source, reason, detail })).toSorted();
  return { events, refused };
}
