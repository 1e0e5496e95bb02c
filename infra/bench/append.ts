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
const IN_FLIGHT = 256;
const EVENTS_PER_ROUND = 20_000;

type CapacityEvent = { type: 'CapacitySet'; data: { shopfloorId: string; capacityPerHour: number } };

const capacity: Decider<number, Command<'SetCapacity', number>, CapacityEvent> = {
  entity: 'shopfloor',
  initial: 0,
  decide: (_state, { data }) => [{ type: 'CapacitySet', data: { shopfloorId: 'bench', capacityPerHour: data } }],
  evolve: (_state, { data }) => data.capacityPerHour,
};

const names = ['handle', 'telemetry', 'bare'] as const;

/**
 * Appends through the product's write side and through a bare client (`js.publish` with
 * `expect.lastSubjectSequence` and a message id, 256 in flight), on one server, taking turns. Medians of `ROUNDS`.
 */
export async function benchAppend(): Promise<Findings> {
  await using nats = await startNats();
  const ours = await connectNats(nats.url, { name: 'bench-ours' });
  const bare = await connectNats(nats.url, { name: 'bench-bare' });
  try {
    await ensureStreams(ours);
    const ways = { handle: await handleWay(ours), telemetry: await telemetryWay(ours), bare: bareWay(bare) };
    for (const name of names) await ratePerSecond(2_000, IN_FLIGHT, ways[name]);
    const rates = { handle: [] as number[], telemetry: [] as number[], bare: [] as number[] };
    for (const name of alternately(names, ROUNDS)) {
      rates[name].push(await ratePerSecond(EVENTS_PER_ROUND, IN_FLIGHT, ways[name]));
    }
    return findingsOf(median(rates.handle), median(rates.telemetry), median(rates.bare), {
      'nats-server': ours.info?.version ?? 'unknown',
      '@nats-io/jetstream': packageVersion('@nats-io/jetstream'),
    });
  } finally {
    await ours.close();
    await bare.close();
  }
}

function findingsOf(handled: number, readings: number, bare: number, versions: Record<string, string>): Findings {
  return {
    name: 'append',
    how: `Guarded appends over ${AGGREGATES} aggregates in turn, ${IN_FLIGHT} in flight, ${EVENTS_PER_ROUND} events a round, ${ROUNDS} rounds each taking turns on one nats-server. The bare client: \`js.publish(subject, body, {msgID, expect: {lastSubjectSequence}})\`.`,
    command: 'make bench-append',
    versions,
    tables: [
      {
        title: 'Appending',
        columns: ['way', 'events/s', '× bare'],
        rows: [
          ['`handle`: decide, fold, append', handled, handled / bare],
          ['telemetry log', readings, readings / bare],
          ['bare `js.publish` with the same guard', bare, 1],
        ],
      },
    ],
    figures: [
      atLeast('guarded append through handle, beside the bare publish', 0.8, handled / bare, '×'),
      atLeast('telemetry append, beside the bare publish', 0.9, readings / bare, '×'),
    ],
  };
}

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
  const values = { torque: 88.2, pressure: 31.5, vibration: 44.1 };
  return (index) =>
    log.append({
      site: SITE_DEFAULT,
      twinId: `ours${index % AGGREGATES}`,
      reading: { observedAt: new Date().toISOString(), values, outside: {} },
    });
}

/** What a careful user of the bare client writes: a guard by the last sequence of the subject, and a message id. */
function bareWay(nc: NatsConnection): Way {
  const js = jetstream(nc);
  const body = JSON.stringify({ shopfloorId: 'bench', capacityPerHour: 100 });
  const last = new Map<string, number>();
  const turns = new Map<string, Promise<unknown>>();
  let id = 0;
  return (index) => {
    const subject = `plant.${SITE_DEFAULT}.shopfloor.bare${index % AGGREGATES}`;
    const turn = (turns.get(subject) ?? Promise.resolve()).then(async () => {
      const expect = { lastSubjectSequence: last.get(subject) ?? 0 };
      const answer = await js.publish(subject, body, { msgID: `bare-${id++}`, expect });
      last.set(subject, answer.seq);
    });
    turns.set(subject, turn);
    return turn;
  };
}
