import type { NatsConnection } from '@nats-io/nats-core';
import type { Position } from '@stratum/contracts/envelope.ts';
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
  expect(comparison).toMatchObject({ name: 'seen', documents: 3, differing: [], hasAgedOut: false });
  expect(comparison?.rebuiltDigest).toBe(comparison?.servedDigest);
  expect(comparison?.servedDigest).toBe(await projector.readModels.digest('seen'));
  expect(await collections()).not.toContain('rebuild_seen_v1');
});

test('documents that were changed, added or removed behind the log’s back are named', async () => {
  await using projector = start();
  await projector.readModels.waitFor(await record(30), ['seen'], PATIENCE_MS);
  const documents = database.collection<Seen>('seen_v1');
  await documents.updateOne({ _id: 'twin0' }, { $set: { readings: [1] } });
  await documents.deleteOne({ _id: 'twin1' });
  await documents.insertOne({ _id: 'twin7', readings: [7], _position: 7 });
  const [comparison] = await rebuild();
  expect(comparison?.differing).toEqual(['twin0', 'twin1', 'twin7']);
  expect(comparison?.rebuiltDigest).not.toBe(comparison?.servedDigest);
  expect(await collections()).toContain('rebuild_seen_v1');
});

test('traffic meanwhile does not disturb the comparison', async () => {
  await using projector = start();
  await projector.readModels.waitFor(await record(600), ['seen'], PATIENCE_MS);
  let isOver = false;
  const traffic = (async () => {
    while (!isOver) await record(3);
  })();
  try {
    for (let round = 0; round < 3; round++) {
      const [comparison] = await rebuild();
      expect(comparison).toMatchObject({ differing: [] });
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

async function collections(): Promise<string[]> {
  return (await database.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
}
