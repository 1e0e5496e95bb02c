import type { NatsConnection } from '@nats-io/nats-core';
import type { Position } from '@stratum/contracts/envelope.ts';
import { DIFFERENCES_NAMED_MAX } from '@stratum/contracts/rebuild.ts';
import type { Db } from 'mongodb';
import { beforeEach, expect, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { freshDatabase } from '../testing/mongo.ts';
import { startNats } from '../testing/nats.ts';
import { PATIENCE_MS, recordReadings, type Seen, seen, startProjector } from './fixtures.ts';
import { CannotCompare, rebuildAndCompare } from './rebuild.ts';

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

test('what is served is what the log says', async () => {
  await using projector = start();
  await projector.readModels.waitFor(await record(30), ['seen'], PATIENCE_MS);
  const [comparison] = await rebuild();
  expect(comparison).toMatchObject({
    name: 'seen',
    documents: 3,
    differenceCount: 0,
    differences: [],
    hasAgedOut: false,
  });
  expect(comparison?.rebuiltDigest).toBe(comparison?.servedDigest);
  expect(comparison?.servedDigest).toBe(await projector.readModels.digest('seen'));
  expect(await rebuiltCollections()).toEqual([]);
});

test('documents that were changed, added or removed behind the log’s back are named', async () => {
  await using projector = start();
  await projector.readModels.waitFor(await record(30), ['seen'], PATIENCE_MS);
  const documents = database.collection<Seen>('seen_v1');
  await documents.updateOne({ _id: 'twin0' }, { $set: { readings: [1] } });
  await documents.deleteOne({ _id: 'twin1' });
  await documents.insertOne({ _id: 'twin7', readings: [7], _position: 7 });
  const [comparison] = await rebuild();
  expect(comparison).toMatchObject({ documents: 3, differenceCount: 3 });
  expect(comparison?.differences).toEqual([
    { id: 'twin0', how: 'changed', fields: ['readings'] },
    { id: 'twin1', how: 'missing', fields: [] },
    { id: 'twin7', how: 'surplus', fields: [] },
  ]);
  expect(comparison?.rebuiltDigest).not.toBe(comparison?.servedDigest);
  expect(comparison?.rebuiltCollection).toMatch(/^rebuild_[0-9a-f]{8}_seen_v1$/);
  expect(await rebuiltCollections()).toEqual([comparison?.rebuiltCollection]);
  await rebuild();
  expect(await rebuiltCollections()).toHaveLength(1);
});

test('of many documents that differ the first are named and all are counted', async () => {
  await using projector = start();
  const twins = Array.from({ length: 60 }, (_, index) => `twin${String(index).padStart(2, '0')}`);
  await projector.readModels.waitFor(await recordReadings(nc, twins), ['seen'], PATIENCE_MS);
  await database.collection<Seen>('seen_v1').updateMany({}, { $set: { readings: [] } });
  const [comparison] = await rebuild();
  expect(comparison?.differenceCount).toBe(60);
  expect(comparison?.differences.map(({ id }) => id)).toEqual(twins.slice(0, DIFFERENCES_NAMED_MAX));
});

// The traffic makes the documents grow for as long as it lasts, which on a busy machine is long.
test('traffic meanwhile does not disturb the comparison', { timeout: 120_000 }, async () => {
  await using projector = start();
  await projector.readModels.waitFor(await record(600), ['seen'], PATIENCE_MS);
  let isOver = false;
  const traffic = (async () => {
    while (!isOver) await record(3);
  })();
  try {
    for (let round = 0; round < 3; round++) {
      const [comparison] = await rebuild();
      expect(comparison).toMatchObject({ differences: [], differenceCount: 0 });
      expect(comparison?.rebuiltDigest).toBe(comparison?.servedDigest);
    }
  } finally {
    isOver = true;
    await traffic;
  }
});

test('without a projector there is nothing to compare with', async () => {
  await expect(rebuild()).rejects.toThrow(CannotCompare);
});

function rebuild() {
  const { signal } = new AbortController();
  return rebuildAndCompare({ projections: [seen], nc, database, signal, onProgress: () => undefined });
}

const start = () => startProjector(nc, database, [seen]);

/** Records readings of three twins in turn. */
function record(count: number): Promise<Position> {
  const twins = Array.from({ length: count }, (_, index) => `twin${index % 3}`);
  return recordReadings(nc, twins);
}

async function rebuiltCollections(): Promise<string[]> {
  const collections = await database.listCollections({}, { nameOnly: true }).toArray();
  return collections.map(({ name }) => name).filter((name) => name.startsWith('rebuild_'));
}
