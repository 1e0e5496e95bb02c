import type { NatsConnection } from '@nats-io/nats-core';
import type { Position } from '@stratum/contracts/envelope.ts';
import type { Db } from 'mongodb';
import { beforeEach, expect, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { freshDatabase } from '../testing/mongo.ts';
import { startNats } from '../testing/nats.ts';
import { PATIENCE_MS, recordReadings, type Seen, seen, startProjector } from './fixtures.ts';
import { onHurry } from './live.ts';
import { NoSuchMoment } from './moment.ts';
import { NotYet, openReadModels, PastNotServed } from './read-models.ts';

const COUNTED_MAX = 100_000;
const FOLDED_AT_ONCE_MAX = 8;
/** The database takes no more in one command. */
const INSERTED_MAX = 25_000;

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

test('a view of the past folds a read model once, however often it is asked for', async () => {
  await using _projector = startProjector(nc, database, [seen]);
  let folded = 0;
  const counting = {
    ...seen,
    fold: (...it: Parameters<typeof seen.fold>) => {
      folded += 1;
      return seen.fold(...it);
    },
  };
  using readModels = openReadModels(database, nc, [counting]);
  await readModels.waitFor(await recordReadings(nc, ['a', 'b', 'a', 'b']), ['seen'], PATIENCE_MS);
  const view = await readModels.viewAsOf('TELEMETRY:3', ['seen'], new Date());
  const [all, one] = await Promise.all([
    view.collection<Seen>('seen').find().toArray(),
    view.collection<Seen>('seen').findOne({ _id: 'a' }),
  ]);
  expect([all.length, one?.readings, folded]).toEqual([2, [1, 3], 3]);
});

test('a view of the past waits for both logs at the same time', async () => {
  await recordReadings(nc, ['a', 'b', 'c']);
  using readModels = openReadModels(database, nc, [seen]);
  const hurried = new Set<number>();
  const hearing = onHurry(nc, (_name, sequence) => hurried.add(sequence));
  await expect(readModels.viewAsOf('TELEMETRY:3', ['seen'], new Date())).rejects.toThrow(NotYet);
  await nc.flush();
  hearing.unsubscribe();
  expect([...hurried].sort()).toEqual([0, 3]);
});

test('a version that this program does not know is named as the reason why it tells nothing of its past', async () => {
  await using _projector = startProjector(nc, database, [seen]);
  using readModels = openReadModels(database, nc, [{ ...seen, version: 2 }]);
  await readModels.waitFor(await recordReadings(nc, ['a']), ['seen'], PATIENCE_MS);
  const view = await readModels.viewAsOf('TELEMETRY:1', ['seen'], new Date());
  expect(() => view.collection('seen')).toThrow(PastNotServed);
  expect(() => view.collection('seen')).toThrow('it is served in version 1, which this program does not know');
});

test('documents of the past are counted up to a limit, and beyond it not at all', { timeout: 120_000 }, async () => {
  const often = { ...seen, snapshotEvery: 2 };
  await using projector = startProjector(nc, database, [often]);
  await projector.readModels.waitFor(await recordReadings(nc, ['a', 'b', 'c']), ['seen'], PATIENCE_MS);
  // As if they had been recorded before the snapshot, each on a twin of its own.
  const documents = database.collection<Seen>('seen_v1');
  for (let first = 0; first < COUNTED_MAX - 2; first += INSERTED_MAX) {
    const count = Math.min(INSERTED_MAX, COUNTED_MAX - 2 - first);
    await documents.insertMany(
      Array.from({ length: count }, (_, index) => ({ _id: `twin${first + index}`, _position: 1, readings: [1] })),
    );
  }
  const count = async (position: Position) =>
    (await projector.readModels.viewAsOf(position, ['seen'], new Date())).collection('seen').countDocuments({});
  expect(await count('TELEMETRY:2')).toBe(COUNTED_MAX);
  await expect(count('TELEMETRY:3')).rejects.toThrow(NoSuchMoment);
  await expect(count('TELEMETRY:3')).rejects.toThrow('needs more than 100000 documents of seen to be counted');
});

test('however many questions about the past come at once, so many documents are folded again at a time', async () => {
  const ofOneTwin = { ...seen, past: { subject: (key: string) => key, period: () => 0 } };
  await using projector = startProjector(nc, database, [ofOneTwin]);
  const twins = Array.from({ length: 24 }, (_, index) => `twin${index}`);
  const then = await recordReadings(nc, twins);
  await projector.readModels.waitFor(await recordReadings(nc, twins), ['seen'], PATIENCE_MS);
  const views = await Promise.all(
    twins.slice(0, 4).map(() => projector.readModels.viewAsOf(then, ['seen'], new Date())),
  );
  const publisher = publisherOf(nc);
  const { getBatch } = publisher;
  let running = 0;
  let runningMax = 0;
  publisher.getBatch = async (stream, request) => {
    running += 1;
    runningMax = Math.max(runningMax, running);
    return getBatch(stream, request).finally(() => {
      running -= 1;
    });
  };
  const answers = await Promise.all(views.map((view) => view.collection<Seen>('seen').find().toArray()));
  expect(answers.map((documents) => documents.length)).toEqual([24, 24, 24, 24]);
  expect(runningMax).toBeLessThanOrEqual(FOLDED_AT_ONCE_MAX);
});
