import type { NatsConnection } from '@nats-io/nats-core';
import { type Command, type Position, parsePosition, positionOf } from '@stratum/contracts/envelope.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { checkpointsIn } from '@stratum/infra/projector/checkpoints.ts';
import { startProjector, type TestProjector } from '@stratum/infra/projector/fixtures.ts';
import { NoSuchMoment } from '@stratum/infra/projector/moment.ts';
import { pointersIn } from '@stratum/infra/projector/pointers.ts';
import { type AnyProjection, collectionNameOf, type ReadModelDocument } from '@stratum/infra/projector/projection.ts';
import type { Queried } from '@stratum/infra/projector/queried.ts';
import { NotYet, PastNotServed, type View } from '@stratum/infra/projector/read-models.ts';
import { versionsNameOf } from '@stratum/infra/projector/versions.ts';
import { freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import fc from 'fast-check';
import type { Db } from 'mongodb';
import { beforeEach, expect, test } from 'vitest';
import { all } from './all.ts';
import { type PlantFact, plantFacts } from './plant-history.fixture.ts';

const PATIENCE_MS = 60_000;
/** Small, so that a short history has many snapshots, and positions before, at and behind them. */
const SNAPSHOT_EVERY = 7;
const projections = all.map(
  (one): AnyProjection => (one.stream === 'PLANT' ? { ...one, snapshotEvery: SNAPSHOT_EVERY } : one),
);
const ofPlant = projections.filter(({ stream }) => stream === 'PLANT');
const names = projections.map(({ name }) => name);
const dayMs = Date.UTC(2026, 10, 24);

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

test('every read model as of a position is what it was then, document by document and question by question', {
  timeout: 180_000,
}, async () => {
  const record = recorder();
  const was = new Map<Position, unknown>();
  await using projector = start();
  for (const [index, part] of parts(fc.sample(plantFacts, { numRuns: 105, seed: 42 }), 3).entries()) {
    await recordReadings(index);
    const position = await record(part);
    was.set(position, await answers(await liveView(projector, position)));
  }
  for (const [position, then] of was) expect(await pastAnswers(projector, position), position).toEqual(then);
});

test('a moment is the same by its instant and by its position', async () => {
  const record = recorder();
  await using projector = start();
  await recordReadings(0);
  const position = await record(fc.sample(plantFacts, { numRuns: 20, seed: 1 }));
  const then = await answers(await liveView(projector, position));
  const { moment } = await projector.readModels.viewAsOf(position, names, new Date());
  await record(fc.sample(plantFacts, { numRuns: 20, seed: 2 }));
  const byInstant = await projector.readModels.viewAsOf(moment.at.toISOString(), names, new Date());
  expect(byInstant.moment.sequences).toEqual(moment.sequences);
  expect(await answers(byInstant)).toEqual(then);
  await recordReadings(1);
  const telemetry = await projector.readModels.viewAsOf('TELEMETRY:1', names, new Date());
  expect(telemetry.moment.sequences).toEqual({ PLANT: 0, TELEMETRY: 1 });
});

test('before everything there is nothing, and the future is not known', async () => {
  const record = recorder();
  await using projector = start();
  await record(fc.sample(plantFacts, { numRuns: 20, seed: 3 }));
  await recordReadings(0);
  for (const asOf of ['PLANT:0', 'TELEMETRY:0', '2020-01-01T00:00:00Z']) {
    const view = await projector.readModels.viewAsOf(asOf, names, new Date());
    for (const name of names) expect(await view.collection(name).find().toArray()).toEqual([]);
  }
  const future = (asOf: string) => projector.readModels.viewAsOf(asOf, names, new Date());
  await expect(future('PLANT:21')).rejects.toThrow('is in the future: PLANT ends at PLANT:20');
  await expect(future('2999-01-01T00:00:00Z')).rejects.toThrow(NoSuchMoment);
});

test('a projector that dies between former documents and their successors leaves nothing out and nothing twice', {
  timeout: 120_000,
}, async () => {
  const record = recorder();
  const first = await record(fc.sample(plantFacts, { numRuns: 40, seed: 4 }));
  const then = await recordedBy(first);
  const before = await Promise.all(ofPlant.map((projection) => liveIn(projection).find().toArray()));
  const last = await record(fc.sample(plantFacts, { numRuns: 40, seed: 5 }));
  const now = await recordedBy(last);
  // What is left when it dies: all former documents, some of the successors, and the checkpoint of before.
  for (const [index, projection] of ofPlant.entries()) {
    const documents = before[index] ?? [];
    for (const document of documents.slice(0, Math.ceil(documents.length / 2))) {
      await liveIn(projection).replaceOne({ _id: document._id }, document);
    }
    const id = liveIn(projection).collectionName;
    await checkpointsIn(database).updateOne({ _id: id }, { $set: { position: 40 } });
  }
  expect(await recordedBy(last)).toEqual(now);
  await using projector = start();
  expect(await pastAnswers(projector, first)).toEqual(then);
  expect(await pastAnswers(projector, last)).toEqual(now);
});

test('former documents go with the collection they belong to, and a new version has its own', {
  timeout: 120_000,
}, async () => {
  const record = recorder();
  const first = await record(fc.sample(plantFacts, { numRuns: 40, seed: 6 }));
  const then = await recordedBy(first);
  await checkpointsIn(database).updateMany({}, { $unset: { snapshots: '' } });
  await rebuilt();
  expect(await recordedBy(first)).toEqual(then);
  const second = await record(fc.sample(plantFacts, { numRuns: 20, seed: 7 }));
  const newer = projections.map((one) => ({ ...one, version: one.version + 1 }));
  await using projector = startProjector(nc, database, newer);
  await projector.readModels.waitFor(second, names, PATIENCE_MS);
  const isServed = async () =>
    (await pointersIn(database).countDocuments({ collection: { $in: newer.map(collectionNameOf) } })) === names.length;
  await waitFor(isServed, { what: 'the new versions to be served', msMax: PATIENCE_MS });
  // Queries look up once a second what is served.
  await waitFor(async () => await pastAnswers(projector, first).catch(isNotYet), {
    what: 'queries to see it',
    msMax: PATIENCE_MS,
  });
  expect(await pastAnswers(projector, first)).toEqual(then);
  const collections = (await database.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
  for (const projection of ofPlant) {
    const old = collectionNameOf(projection);
    const fresh = collectionNameOf({ ...projection, version: projection.version + 1 });
    expect(collections).toEqual(expect.arrayContaining([versionsNameOf(`${old}_2`), versionsNameOf(fresh)]));
    expect(collections).not.toContain(old);
    expect(collections).not.toContain(versionsNameOf(old));
  }
});

/** What is asked of each read model beside all its documents: the questions that its routes ask. */
const questions: Record<string, (documents: Queried<ReadModelDocument>) => Promise<unknown>[]> = {
  alerts: (it) => [
    it
      .find({ state: { $in: ['UNACK', 'ACKED'] } })
      .sort({ raisedAt: -1, _id: 1 })
      .limit(2)
      .toArray(),
    it.find({ state: 'RTNUN', twinId: 'pump1' }).sort({ raisedAt: -1, _id: 1 }).toArray(),
  ],
  alert_occurrences: (it) => [
    it.find({ twinId: 'pump1' }).sort({ _id: -1 }).limit(3).toArray(),
    it
      .find({ _id: { $lt: '2026-11-24T20:03' } })
      .sort({ _id: -1 })
      .limit(2)
      .toArray(),
    it.countDocuments({ _id: { $gte: '2026-11-24T20:01', $lt: '2026-11-24T20:03' }, twinId: 'pump2' }),
  ],
  orders: (it) => [
    it.find({ state: 'Running' }).sort({ placedPosition: -1 }).limit(1).toArray(),
    it
      .find({ placedPosition: { $lt: 60 } })
      .sort({ placedPosition: -1 })
      .limit(2)
      .toArray(),
    it
      .find({ jobs: { $elemMatch: { shopfloorId: 'shopfloor1', state: { $ne: 'Completed' } } } })
      .sort({ placedPosition: 1 })
      .limit(2)
      .toArray(),
    it.findOne({ _id: 'ORD-0000000002' }),
  ],
  reports: (it) => [
    it.find().sort({ _id: -1 }).limit(5).toArray(),
    it.find({ orderId: 'ORD-0000000001', shopfloorId: 'shopfloor2' }).sort({ _id: -1 }).limit(2).toArray(),
  ],
  production_days: (it) => [
    it
      .find({ _id: { $gte: '2026-11-24', $lt: '2026-11-25' } })
      .sort({ _id: 1 })
      .limit(1)
      .toArray(),
  ],
  twin_directory: (it) => [
    it
      .find({ status: 'commissioned', _id: { $gt: 'pump1' } })
      .sort({ _id: 1 })
      .limit(1)
      .toArray(),
  ],
  twin_state: (it) => [it.find({ _id: { $in: ['pump2', 'nothing'] } }).toArray(), it.findOne({ _id: 'turbine1' })],
  history_hours: (it) => [
    it
      .find({ _id: { $gte: 'pump1:2026-11-24T01', $lte: 'pump1:2026-11-24T03' } })
      .sort({ _id: 1 })
      .toArray(),
  ],
};

/** Everything that a view says: all documents of each read model, and the answers to its questions. */
async function answers(view: View): Promise<Record<string, unknown>> {
  const said: Record<string, unknown> = {};
  for (const name of names) {
    const documents = view.collection(name);
    const asked = await Promise.all(questions[name]?.(documents) ?? []);
    said[name] = [await documents.find().sort({ _id: 1 }).toArray(), ...asked];
  }
  return said;
}

const start = () => startProjector(nc, database, projections);

async function liveView({ readModels }: TestProjector, position: Position): Promise<View> {
  await readModels.waitFor(await lastReading(), names, PATIENCE_MS);
  await readModels.waitFor(position, names, PATIENCE_MS);
  return readModels.view(undefined, names);
}

async function pastView({ readModels }: TestProjector, position: Position): Promise<View> {
  await readModels.waitFor(position, names, PATIENCE_MS);
  return readModels.viewAsOf(position, names, new Date());
}

async function pastAnswers(projector: TestProjector, position: Position): Promise<Record<string, unknown>> {
  return answers(await pastView(projector, position));
}

function isNotYet(error: unknown): false {
  if (error instanceof NotYet || error instanceof PastNotServed) return false;
  throw error;
}

/** Lets a projector begin all read models anew. Until it has, queries still see what was served before. */
async function rebuilt(): Promise<void> {
  await using _projector = start();
  const isBegun = async () =>
    (await checkpointsIn(database).countDocuments({ snapshots: { $exists: true } })) === names.length;
  await waitFor(isBegun, { what: 'the read models to begin anew', msMax: PATIENCE_MS });
}

/** What a projector of its own has to say at a position. */
async function recordedBy(position: Position): Promise<Record<string, unknown>> {
  await using projector = start();
  return answers(await liveView(projector, position));
}

function liveIn(projection: AnyProjection) {
  return database.collection<ReadModelDocument>(collectionNameOf(projection));
}

/** Records facts, whatever the rules would say of them. Answers the position of the last. */
function recorder(): (facts: readonly PlantFact[]) => Promise<Position> {
  const store = openStore(nc);
  const lasts = new Map<string, number>();
  let count = 0;
  return async (facts) => {
    let last: Position = 'PLANT:0';
    for (const { entity, id, fact } of facts) {
      const key = `${entity} ${id}`;
      const commandId = `test-${count++}`;
      const command: Command = {
        id: commandId,
        type: 'Test',
        data: null,
        actor: 'account:tester',
        correlationId: 'test',
        time: new Date(dayMs).toISOString(),
      };
      const change = { aggregate: { site: 'main', entity, id }, after: lasts.get(key) ?? 0, events: [fact] };
      const appended = await store.append([change], command);
      if ('conflict' in appended) throw new Error(`conflict at ${key}`);
      last = appended.position;
      lasts.set(key, parsePosition(last).sequence);
    }
    return last;
  };
}

let readings = 0;

/** Readings of three twins, a quarter of an hour further in each part, some of them late, some of one parameter only. */
async function recordReadings(part: number): Promise<void> {
  for (let index = 0; index < 6; index++) {
    const twinId = ['pump1', 'pump2', 'turbine1'][index % 3] ?? '';
    const minute = 15 * part + 2 * index - (index === 4 ? 30 : 0);
    const observedAt = new Date(dayMs + Math.max(0, minute) * 60_000).toISOString();
    const values = index % 2 === 0 ? { torque: readings, pressure: 1 } : { torque: readings };
    const body = Buffer.from(JSON.stringify({ observedAt, values, outside: {} }));
    readings += 1;
    await publisherOf(nc).publish(`telemetry.main.${twinId}`, body, '');
  }
}

async function lastReading(): Promise<Position> {
  return positionOf('TELEMETRY', (await lastSequence(nc, 'TELEMETRY')).last);
}

function parts<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) =>
    items.slice(part * size, (part + 1) * size),
  );
}
