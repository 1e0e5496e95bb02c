import type { NatsConnection } from '@nats-io/nats-core';
import { type Position, parsePosition } from '@stratum/contracts/envelope.ts';
import type { Db } from 'mongodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { header, publisherOf } from '../event-store/publisher.ts';
import { lastSequence } from '../event-store/reader.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { freshDatabase } from '../testing/mongo.ts';
import { startNats } from '../testing/nats.ts';
import { waitFor } from '../testing/waitFor.ts';
import { advanceCheckpoint, checkpointsIn, openCheckpoint } from './checkpoints.ts';
import { PATIENCE_MS, recordReadings, type Seen, seen, startProjector } from './fixtures.ts';
import { holder } from './leadership.ts';
import { pointersIn } from './pointers.ts';
import type { Projection } from './projection.ts';
import { NotYet, openReadModels, type ReadModels } from './read-models.ts';

let nc: NatsConnection;
let database: Db;

beforeEach(async () => {
  const nats = await startNats();
  const fresh = await freshDatabase();
  nc = await connectNats(nats.url, { name: 'test' });
  database = fresh.db;
  await ensureStreams(nc);
  return async () => {
    await nc.close();
    await fresh[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  };
});

describe('while a new version is built and takes over', () => {
  const version2 = { ...seen, version: 2 };
  const BACKLOG = 1_500;
  const READERS = 4;
  /** Traffic goes on for so many readings after the new version is served. */
  const AFTERWARDS = 50;

  test('every query is answered, completely, and no answer is older than one before', {
    timeout: 120_000,
  }, async () => {
    await using _old = startProjector(nc, database, [seen]);
    using readModels = openReadModels(database, nc);
    await readModels.waitFor(await recordReadings(nc, twins(0, BACKLOG)), ['seen'], PATIENCE_MS);

    const traffic = startTraffic(readModels);
    const readers = Array.from({ length: READERS }, () => startReader(readModels));
    await using _new = startProjector(nc, database, [version2]);
    await waitFor(async () => (await pointersIn(database).findOne({ _id: 'seen' }))?.version === 2, {
      what: 'version 2 to be served',
      msMax: PATIENCE_MS,
    });
    const flippedAt = traffic.recorded();
    await waitFor(() => traffic.recorded() >= flippedAt + AFTERWARDS, { what: 'more traffic', msMax: PATIENCE_MS });
    await waitFor(() => readModels.collection('seen').collectionName === 'seen_v2', { what: 'the new version' });
    await traffic.stop();
    const answers = (await Promise.all(readers.map((reader) => reader.stop()))).reduce((sum, one) => sum + one, 0);
    expect(answers).toBeGreaterThan(READERS);
    expect(await readModels.collection('seen').countDocuments()).toBe(BACKLOG + traffic.recorded());
  });

  test('what was served before is still read until the new version is as far', async () => {
    const projector = startProjector(nc, database, [seen]);
    using readModels = openReadModels(database, nc);
    await readModels.waitFor(await recordReadings(nc, ['a', 'b', 'c']), ['seen'], PATIENCE_MS);
    await projector[Symbol.asyncDispose]();
    // The older version went on while the newer one was about to be served.
    const opened = await openCheckpoint(database, version2, 'new', () => lastSequence(nc, 'TELEMETRY'));
    const checkpoint = await advanceCheckpoint(database, opened.checkpoint, 2);
    await pointersIn(database).replaceOne({ _id: 'seen' }, { version: 2, collection: 'seen_v2' });
    using late = openReadModels(database, nc);
    await waitFor(() => late.position('seen') === 'TELEMETRY:2', { what: 'one who knows no better' });
    await expect(readModels.waitFor('TELEMETRY:4', ['seen'], 500)).rejects.toThrow('it is at TELEMETRY:3');
    expect(readModels.collection('seen').collectionName).toBe('seen_v1');
    await advanceCheckpoint(database, checkpoint, 3);
    await waitFor(() => readModels.collection('seen').collectionName === 'seen_v2', { what: 'the new version' });
  });

  test('health tells that the old version stands still when no program that knows it runs', async () => {
    const projector = startProjector(nc, database, [seen]);
    using readModels = openReadModels(database, nc);
    await readModels.waitFor(await recordReadings(nc, ['a', 'b', 'c']), ['seen'], PATIENCE_MS);
    await projector[Symbol.asyncDispose]();
    await recordReadings(nc, ['a', 'b']);
    const updatedAt = '2026-11-24T00:00:00.000Z';
    await checkpointsIn(database).updateOne({ _id: 'seen_v1' }, { $set: { updatedAt } });
    const opened = await openCheckpoint(database, version2, 'new', () => lastSequence(nc, 'TELEMETRY'));
    await advanceCheckpoint(database, opened.checkpoint, 4);
    const error =
      `version 1 is served as it was at ${updatedAt}, because no program that knows it runs; ` +
      'version 2 is being built and is at 4';
    expect(await readModels.positions()).toMatchObject([
      { name: 'seen', position: 3, last: 5, lag: 2, status: 'stopped', error },
      { name: 'seen_v2', position: 4, last: 5, lag: 1, status: 'running', ledBy: 'new' },
    ]);
  });

  /** Records a reading of a twin of its own, waits until it may be queried, and finds it, again and again. */
  function startTraffic(readModels: ReadModels) {
    let recorded = 0;
    return loop(
      async () => {
        const [twin = ''] = twins(BACKLOG + recorded, 1);
        const position = await recordReadings(nc, [twin]);
        recorded += 1;
        await readModels.waitFor(position, ['seen'], PATIENCE_MS);
        const { sequence } = parsePosition(position);
        expect(await readModels.collection<Seen>('seen').findOne({ _id: twin })).toMatchObject({
          readings: [sequence],
        });
      },
      () => recorded,
    );
  }

  /** Counts all twins, whose number only grows. */
  function startReader(readModels: ReadModels) {
    let before = 0;
    let answers = 0;
    return loop(
      async () => {
        const count = await readModels.collection('seen').countDocuments();
        expect(count).toBeGreaterThanOrEqual(Math.max(before, BACKLOG));
        before = count;
        answers += 1;
      },
      () => answers,
    );
  }

  /** Repeats a task until it is stopped; a task that fails ends the loop, and `stop` tells why. */
  function loop(task: () => Promise<void>, recorded: () => number) {
    let isStopping = false;
    const ended = (async () => {
      while (!isStopping) await task();
    })();
    ended.catch(() => undefined);
    return {
      recorded,
      async stop(): Promise<number> {
        isStopping = true;
        await ended;
        return recorded();
      },
    };
  }
});

test('health tells who builds a read model, and which events it leaves out', async () => {
  const facts: Projection<Seen> = { ...seen, name: 'facts', stream: 'PLANT' };
  await using _ = startProjector(nc, database, [facts]);
  using readModels = openReadModels(database, nc);
  const publish = (type: string) =>
    publisherOf(nc).publish('plant.main.shopfloor.SF-1', Buffer.from('{}'), header('ce-type', type));
  await publish('CapacityDoubled');
  await publish('CapacityHalved');
  const { sequence } = await publish('CapacityDoubled');
  await readModels.waitFor(`PLANT:${sequence}`, ['facts'], PATIENCE_MS);
  const skipped = [
    { type: 'CapacityDoubled', count: 2 },
    { type: 'CapacityHalved', count: 1 },
  ];
  await waitFor(async () => (await readModels.positions())[0]?.skipped?.length === skipped.length, {
    what: 'what is left out to be told',
  });
  expect(await readModels.positions()).toEqual([
    { name: 'facts', position: 3, last: 3, lag: 0, status: 'running', ledBy: holder, skipped },
  ]);
});

describe('a query that waits for a position', () => {
  test('is not answered from the read model of a log that is not there any more', async () => {
    const projector = startProjector(nc, database, [seen]);
    using readModels = openReadModels(database, nc);
    await readModels.waitFor(await recordReadings(nc, ['a', 'b', 'c']), ['seen'], PATIENCE_MS);
    // Nobody is there to notice that positions begin again.
    await projector[Symbol.asyncDispose]();
    const position = await recordInNewLog(['d']);
    expect(position).toBe('TELEMETRY:1');
    await expect(readModels.waitFor(position, ['seen'], 500)).rejects.toThrow(NotYet);

    await using _next = startProjector(nc, database, [seen]);
    await readModels.waitFor(position, ['seen'], PATIENCE_MS);
    expect(await readModels.collection('seen').find().toArray()).toEqual([{ _id: 'd', readings: [1], _position: 1 }]);
  });

  test('of a log that is not there any more waits as long as any other and no longer', async () => {
    await using _ = startProjector(nc, database, [seen]);
    using readModels = openReadModels(database, nc);
    const position = await recordReadings(nc, ['a', 'b', 'c']);
    await readModels.waitFor(position, ['seen'], PATIENCE_MS);
    await recordInNewLog(['d']);
    await waitFor(() => readModels.position('seen') === 'TELEMETRY:1', { what: 'the new log', msMax: PATIENCE_MS });
    await expect(readModels.waitFor(position, ['seen'], 500)).rejects.toThrow('seen has not reached TELEMETRY:3 yet');
  });

  async function recordInNewLog(twinIds: string[]): Promise<Position> {
    await nc.request('$JS.API.STREAM.DELETE.TELEMETRY', '', { timeout: 5_000 });
    await ensureStreams(nc);
    return recordReadings(nc, twinIds);
  }
});

function twins(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `twin${first + index}`);
}
