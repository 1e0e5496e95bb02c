import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Decider } from '@stratum/contracts/decider.ts';
import type { Command } from '@stratum/contracts/envelope.ts';
import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { connectNats } from '../event-store/connection.ts';
import { handle } from '../event-store/handle.ts';
import { openStore } from '../event-store/store.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { openTelemetryLog } from '../event-store/telemetry-log.ts';
import { startNats } from '../testing/nats.ts';
import { atLeast, type Findings, packageVersion } from './figures.ts';
import { alternately, median, ratePerSecond } from './measure.ts';

/** Rounds per way of appending; figures are medians. */
const ROUNDS = Number(process.env.ROUNDS ?? 5);

/** Aggregates written to in turn, so that no queue of one aggregate decides the figure. */
const AGGREGATES = 1000;
/** Each way runs with two numbers of appends in flight, and the better counts. */
const IN_FLIGHT = 256;
const IN_FLIGHT_OURS_DEEP = 512;
const IN_FLIGHT_BARE_DEEP = 1024;
const EVENTS_PER_ROUND = 20_000;

type CapacityEvent = { type: 'CapacitySet'; data: { shopfloorId: string; capacityPerHour: number } };

const capacity: Decider<number, Command<'SetCapacity', number>, CapacityEvent> = {
  entity: 'shopfloor',
  initial: 0,
  decide: (_state, { data }) => [{ type: 'CapacitySet', data: { shopfloorId: 'bench', capacityPerHour: data } }],
  evolve: (_state, { data }) => data.capacityPerHour,
};

const depths = {
  handle: IN_FLIGHT,
  handleDeep: IN_FLIGHT_OURS_DEEP,
  telemetry: IN_FLIGHT,
  telemetryDeep: IN_FLIGHT_OURS_DEEP,
  bare: IN_FLIGHT,
  bareDeep: IN_FLIGHT_BARE_DEEP,
  pipelined: IN_FLIGHT,
  pipelinedDeep: IN_FLIGHT_BARE_DEEP,
} as const;
type Name = keyof typeof depths;
const names = Object.keys(depths) as Name[];

/**
 * Appends through the product's write side and through a bare client (`js.publish`, with and without the guard by
 * `expect.lastSubjectSequence` and a message id), on one server, taking turns. Medians of `ROUNDS`.
 */
export async function benchAppend(): Promise<Findings> {
  await using nats = await startNats();
  const ours = await connectNats(nats.url, { name: 'bench-ours' });
  const bare = await connectNats(nats.url, { name: 'bench-bare' });
  try {
    await ensureStreams(ours);
    const handling = await handleWay(ours);
    const telemetry = await telemetryWay(ours);
    const pipelined = pipelinedWay(bare);
    const ways: Record<Name, Way> = {
      handle: handling,
      handleDeep: handling,
      telemetry,
      telemetryDeep: telemetry,
      bare: bareWay(bare, 'bare'),
      bareDeep: bareWay(bare, 'deep'),
      pipelined,
      pipelinedDeep: pipelined,
    };
    const run = (name: Name, count: number) => ratePerSecond(count, depths[name], ways[name]);
    for (const name of names) await run(name, 2_000);
    const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
    for (const name of alternately(names, ROUNDS)) rates[name].push(await run(name, EVENTS_PER_ROUND));
    const medians = Object.fromEntries(names.map((name) => [name, median(rates[name])])) as Record<Name, number>;
    return findingsOf(medians, {
      'nats-server': ours.info?.version ?? 'unknown',
      '@nats-io/jetstream': packageVersion('@nats-io/jetstream'),
    });
  } finally {
    await ours.close();
    await bare.close();
  }
}

function findingsOf(rates: Record<Name, number>, versions: Record<string, string>): Findings {
  const guarded = Math.max(rates.bare, rates.bareDeep);
  const pipelined = Math.max(rates.pipelined, rates.pipelinedDeep);
  const handling = Math.max(rates.handle, rates.handleDeep);
  const telemetry = Math.max(rates.telemetry, rates.telemetryDeep);
  const row = (what: string, name: Name) => [
    `${what}, ${depths[name]} in flight`,
    rates[name],
    rates[name] / guarded,
    rates[name] / pipelined,
  ];
  return {
    name: 'append',
    how: `Appends over ${AGGREGATES} aggregates in turn, ${EVENTS_PER_ROUND} events a round, ${ROUNDS} rounds each taking turns on one nats-server. The bare client: \`js.publish(subject, body, {msgID, expect: {lastSubjectSequence}})\`, and \`js.publish(subject, body)\` of the same reading. Every way runs with ${IN_FLIGHT} in flight and with more (ours ${IN_FLIGHT_OURS_DEEP}, the bare client ${IN_FLIGHT_BARE_DEEP}); of each the better counts.`,
    command: 'make bench-append',
    versions,
    tables: [
      {
        title: 'Appending',
        columns: ['way', 'events/s', '× best guarded publish', '× best pipelined publish'],
        rows: [
          row('`handle`: decide, fold, append guarded', 'handle'),
          row('the same', 'handleDeep'),
          row('telemetry log: check, append guarded, exactly once', 'telemetry'),
          row('the same', 'telemetryDeep'),
          row('bare `js.publish` with the same guard', 'bare'),
          row('the same', 'bareDeep'),
          row('bare `js.publish` without guard or id', 'pipelined'),
          row('the same', 'pipelinedDeep'),
        ],
      },
    ],
    figures: [
      atLeast('guarded append through handle, beside the best guarded publish', 0.8, handling / guarded, '×'),
      atLeast('telemetry append, beside the best pipelined publish', 0.9, telemetry / pipelined, '×'),
    ],
  };
}

const VALUES = { torque: 88.2, pressure: 31.5, vibration: 44.1 };

type Way = (index: number) => Promise<unknown>;

async function handleWay(nc: NatsConnection): Promise<Way> {
  const store = openStore(nc);
  let command = 0;
  return (index) => {
    const id = `bench-${command++}`;
    const aggregate = { site: SITE_DEFAULT, entity: 'shopfloor' as const, id: `ours${index % AGGREGATES}` };
    const time = new Date().toISOString();
    return handle(store, capacity, aggregate, {
      id,
      type: 'SetCapacity',
      data: index,
      actor: 'reactor:bench',
      correlationId: id,
      time,
    });
  };
}

async function telemetryWay(nc: NatsConnection): Promise<Way> {
  const log = await openTelemetryLog(nc);
  return (index) =>
    log.append({
      site: SITE_DEFAULT,
      twinId: `ours${index % AGGREGATES}`,
      reading: { observedAt: new Date().toISOString(), values: VALUES, outside: {} },
    });
}

/** What a careful user of the bare client writes: a guard by the last sequence of the subject, and a message id. */
function bareWay(nc: NatsConnection, prefix: string): Way {
  const js = jetstream(nc);
  const body = JSON.stringify({ shopfloorId: 'bench', capacityPerHour: 100 });
  const last = new Map<string, number>();
  const turns = new Map<string, Promise<unknown>>();
  let id = 0;
  return (index) => {
    const subject = `plant.${SITE_DEFAULT}.shopfloor.${prefix}${index % AGGREGATES}`;
    const turn = (turns.get(subject) ?? Promise.resolve()).then(async () => {
      const expect = { lastSubjectSequence: last.get(subject) ?? 0 };
      const answer = await js.publish(subject, body, { msgID: `${prefix}-${id++}`, expect });
      last.set(subject, answer.seq);
    });
    turns.set(subject, turn);
    return turn;
  };
}

/** Readings as telemetry without a guard, an id, or a check. */
function pipelinedWay(nc: NatsConnection): Way {
  const js = jetstream(nc);
  return (index) => {
    const body = JSON.stringify({ observedAt: new Date().toISOString(), values: VALUES, outside: {} });
    return js.publish(`telemetry.${SITE_DEFAULT}.bare${index % AGGREGATES}`, body);
  };
}
