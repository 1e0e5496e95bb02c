import { once } from 'node:events';
import type { NatsConnection } from '@nats-io/transport-node';
import { positionOf } from '@stratum/contracts/envelope.ts';
import type { ProjectedEvent } from '@stratum/contracts/recorded.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { decodeEvent } from '@stratum/infra/event-store/reader.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { askHealth } from '@stratum/infra/health.ts';
import { type Checkpoint, checkpointsIn } from '@stratum/infra/projector/checkpoints.ts';
import { canonicalJson } from '@stratum/infra/projector/digest.ts';
import type { AnyProjection } from '@stratum/infra/projector/projection.ts';
import { openReadModels, type ReadModels } from '@stratum/infra/projector/read-models.ts';
import { foldAll } from '@stratum/infra/projector/testing.ts';
import { freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import type { Db } from 'mongodb';
import { beforeEach, expect, test } from 'vitest';
import { all } from './all.ts';
import { historyHours } from './history/history.ts';
import { type Program, startMain } from './program.fixture.ts';
import { twinState } from './twin-state/twin-state.ts';

const TWINS = ['a', 'b', 'c'];
const PERIOD_MS = 10_000;
/** Another process has every read model after this long. */
const TAKEOVER_MS_MAX = 5_000;
const PATIENCE_MS = 30_000;
const PAUSE_MS = 25;
/** What a program said last is told when it does not do what is expected. */
const LOG_LINES_TOLD = 40;
/** A program that starts and then stands by has no more to say. */
const QUIET_LINES_MAX = 10;
const names = [twinState.name, historyHours.name];

let nc: NatsConnection;
let database: Db;
let readModels: ReadModels;
let start: () => Promise<Program>;
let recorded = 0;

beforeEach(async () => {
  recorded = 0;
  const nats = await startNats();
  const fresh = await freshDatabase();
  database = fresh.db;
  nc = await connectNats(nats.url, { name: 'test' });
  await ensureStreams(nc);
  const opened = openReadModels(database, nc);
  readModels = opened;
  start = () => startMain(nats.url, fresh.uri);
  return async () => {
    opened[Symbol.dispose]();
    await nc.close();
    await fresh[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  };
});

test('of two processes one stands by, quiet, and takes over within 5 s when the other is killed', {
  timeout: 120_000,
}, async () => {
  const first = await start();
  await record(100);
  const terms = await termsOf();
  const second = await start();
  await record(300);
  expect([await holders(), await termsOf()]).toEqual([[first.holder], terms]);
  expect(await health()).toMatch(new RegExp(`^at \\d+, led by ${first.holder}, 1 in reserve$`));
  expect(second.log.filter((line) => !line.includes('"level":30'))).toEqual([]);
  expect(second.log.length).toBeLessThan(QUIET_LINES_MAX);

  const tookMs = await timed(async () => {
    first.process.kill('SIGKILL');
    await takenOverBy(second);
  });
  expect(tookMs).toBeLessThan(TAKEOVER_MS_MAX);
  await record(100);
  expect(await health()).toMatch(new RegExp(`^at \\d+, led by ${second.holder}, 0 in reserve$`));
  await expectWhatTheLogSays();
  process.stdout.write(`  taken over ${Math.round(tookMs)} ms after a kill -9\n`);
});

test('a process that ends in order is followed at once', { timeout: 120_000 }, async () => {
  const first = await start();
  await record(50);
  const second = await start();
  first.process.kill('SIGTERM');
  await once(first.process, 'exit');
  expect(await timed(() => takenOverBy(second))).toBeLessThan(TAKEOVER_MS_MAX);
  await record(50);
  await expectWhatTheLogSays();
});

test('a process that was stopped and wakes up late changes nothing, and stands by from then on', {
  timeout: 120_000,
}, async () => {
  const first = await start();
  await record(100);
  const second = await start();
  // Stopped with readings folded and not yet written: history is written every 10 s.
  await record(60, { waits: false });
  first.process.kill('SIGSTOP');
  await takenOverBy(second);
  await record(100);
  const terms = await termsOf();
  first.process.kill('SIGCONT');
  await waitFor(() => first.log.some((line) => line.includes('lease lost')), {
    what: 'the one that was stopped to notice',
    msMax: PATIENCE_MS,
  });
  await record(100);
  expect(await holders()).toEqual([second.holder]);
  expect(await termsOf()).toEqual(terms);
  await expectWhatTheLogSays();

  second.process.kill('SIGKILL');
  await takenOverBy(first);
  await record(100);
  await expectWhatTheLogSays();
});

/** Records readings of all twins; waits until they are in the read models. */
async function record(count: number, { waits = true } = {}): Promise<void> {
  const { publish } = publisherOf(nc);
  let last = 0;
  for (let reading = 0; reading < count; reading++, recorded++) {
    const observedAt = new Date(Date.UTC(2026, 10, 24) + recorded * PERIOD_MS).toISOString();
    const body = Buffer.from(JSON.stringify({ observedAt, values: { torque: recorded % 200 }, outside: {} }));
    const published = await Promise.all(TWINS.map((twin) => publish(`telemetry.main.${twin}`, body, '')));
    last = Math.max(...published.map(({ sequence }) => sequence));
  }
  if (waits) await readModels.waitFor(positionOf('TELEMETRY', last), names, PATIENCE_MS);
}

async function expectWhatTheLogSays(): Promise<void> {
  const events = (
    await Promise.all(TWINS.map((twin) => readSubject(publisherOf(nc), 'TELEMETRY', `telemetry.main.${twin}`, 0)))
  )
    .flat()
    .sort((one, other) => one.sequence - other.sequence)
    .map((message) => decodeEvent({ ...message, stream: 'TELEMETRY' }) as ProjectedEvent);
  expect(events).toHaveLength(recorded * TWINS.length);
  await readModels.waitFor(positionOf('TELEMETRY', events.length), names, PATIENCE_MS);
  const its: readonly AnyProjection[] = [twinState, historyHours];
  for (const projection of its) {
    const documents = await readModels.collection(projection.name).find().toArray();
    const expected = [...foldAll(projection, events).values()].map(canonicalJson).sort();
    expect(documents.map(canonicalJson).sort()).toEqual(expected);
  }
}

/**
 * How long something takes, in milliseconds of a machine that is there: counted in pauses of this process, so that time in
 * which others have the processor does not count.
 */
async function timed(task: () => Promise<void>): Promise<number> {
  let pauses = 0;
  const counting = setInterval(() => {
    pauses += 1;
  }, PAUSE_MS);
  await task().finally(() => clearInterval(counting));
  return pauses * PAUSE_MS;
}

const checkpoints = (): Promise<Checkpoint[]> => checkpointsIn(database).find().sort({ _id: 1 }).toArray();
const health = async () => (await askHealth(nc, 'projections', PATIENCE_MS))['projections/TELEMETRY']?.detail;
const holders = async () => [...new Set((await checkpoints()).map(({ holder }) => holder))];
const termsOf = async () => (await checkpoints()).map(({ term }) => term);

async function takenOverBy({ holder, log }: Program): Promise<void> {
  await waitFor(async () => (await checkpointsIn(database).countDocuments({ holder })) === all.length, {
    what: `every read model to be built by ${holder}`,
    msMax: PATIENCE_MS,
  }).catch(async ({ message }: Error) => {
    const built = (await checkpoints()).map(({ _id, holder: its, term }) => `${_id}: ${its}, term ${term}`);
    throw new Error([message, ...built, 'its log:', ...log.slice(-LOG_LINES_TOLD)].join('\n'));
  });
}
