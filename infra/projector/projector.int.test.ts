import { cp, rename, rm } from 'node:fs/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Position } from '@stratum/contracts/envelope.ts';
import type { Db } from 'mongodb';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { whenConnected } from '../event-store/connection-status.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { freshDatabase } from '../testing/mongo.ts';
import { startNats, type TestNats } from '../testing/nats.ts';
import { waitFor } from '../testing/waitFor.ts';
import { checkpointsIn } from './checkpoints.ts';
import { openDatabase } from './database.ts';
import type { DeadLetter } from './dead-letters.ts';
import { lineTo, PATIENCE_MS, recordReadings, type Seen, seen, startProjector } from './fixtures.ts';
import { LIVE_POSITION_HEADER } from './live.ts';
import { pointersIn } from './pointers.ts';
import type { AnyProjection, Projection, ReadModelDocument } from './projection.ts';
import { NotYet, openReadModels, type ReadModels } from './read-models.ts';

let nats: TestNats;
let nc: NatsConnection;
let database: Db;
let databaseUri: string;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats(nats.url, { name: 'test' });
  return async () => {
    await nc.close();
    await nats[Symbol.asyncDispose]();
  };
});

beforeEach(async () => {
  const fresh = await freshDatabase();
  database = fresh.db;
  databaseUri = fresh.uri;
  await ensureStreams(nc);
  return async () => {
    await fresh[Symbol.asyncDispose]();
    await deleteStream('TELEMETRY');
  };
});

describe('a read model', () => {
  test('holds every reading once, and a query can wait for it', async () => {
    const last = await record('a', 'b', 'a');
    await using projector = start([seen]);
    await projector.readModels.waitFor(last, ['seen'], PATIENCE_MS);
    expect(await documents()).toEqual([
      { _id: 'a', readings: [1, 3], _position: 3 },
      { _id: 'b', readings: [2], _position: 2 },
    ]);
    const next = await record('b');
    await projector.readModels.waitFor(next, ['seen'], PATIENCE_MS);
    expect((await documents())[1]).toEqual({ _id: 'b', readings: [2, 4], _position: 4 });
    expect(projector.readModels.position('seen')).toBe('TELEMETRY:4');
  });

  test('goes on where it was left', async () => {
    await projected([seen], await record('a', 'b'));
    await projected([seen], await record('b', 'a'));
    expect(await documents()).toEqual([
      { _id: 'a', readings: [1, 4], _position: 4 },
      { _id: 'b', readings: [2, 3], _position: 3 },
    ]);
  });

  test('is the same when the projector dies after the documents and before the checkpoint', async () => {
    const last = await record('a', 'b', 'a', 'b');
    await projected([seen], last);
    const before = await documents();
    await checkpointsIn(database).updateOne({ _id: 'seen_v1' }, { $set: { position: 1 } });
    await projected([seen], last);
    expect(await documents()).toEqual(before);
  });

  test('moves its position over what it ignores', async () => {
    const deaf = { ...seen, keys: () => [] };
    const last = await record('a', 'b');
    await using projector = start([deaf]);
    await projector.readModels.waitFor(last, ['seen'], PATIENCE_MS);
    await waitFor(async () => (await checkpoint('seen_v1'))?.position === 2, { what: 'the checkpoint to move on' });
    expect(await documents()).toEqual([]);
  });

  test('says when it has not got there yet', async () => {
    const last = await record('a');
    await using projector = start([seen]);
    await projector.readModels.waitFor(last, ['seen'], PATIENCE_MS);
    await expect(projector.readModels.waitFor('TELEMETRY:2', ['seen'], 100)).rejects.toThrow(NotYet);
    await projector.readModels.waitFor('PLANT:99', ['seen'], 100);
  });

  test('that is written seldom is written at once when a query waits for it', async () => {
    await using projector = start([{ ...seen, writeEverySeconds: 3600 }]);
    await projector.readModels.waitFor(await record('a'), ['seen'], PATIENCE_MS);
    expect(await documents()).toHaveLength(1);
  });

  test('that is written seldom is written for a query although another waits for what is not there', async () => {
    await using projector = start([{ ...seen, writeEverySeconds: 3600 }]);
    await projector.readModels.waitFor(await record('a'), ['seen'], PATIENCE_MS);
    await expect(projector.readModels.waitFor('TELEMETRY:9007199254740991', ['seen'], 100)).rejects.toThrow(NotYet);
    // Written just now, it would rest for an hour.
    await projector.readModels.waitFor(await record('a'), ['seen'], PATIENCE_MS);
    expect(await documents()).toEqual([{ _id: 'a', readings: [1, 2], _position: 2 }]);
  });

  test('that is written seldom is written before the projector stops', async () => {
    const heard = listen('live.seen.a');
    const projector = start([{ ...seen, writeEverySeconds: 3600, announce: 'folded' }]);
    await record('a', 'a');
    await waitFor(() => heard.at(-1)?.document._position === 2, { what: 'both readings to be folded' });
    await projector[Symbol.asyncDispose]();
    expect(await documents()).toEqual([{ _id: 'a', readings: [1, 2], _position: 2 }]);
    expect((await checkpoint('seen_v1'))?.position).toBe(2);
  });

  test('is announced with its position after each write', async () => {
    const heard = listen('live.seen.>');
    await using projector = start([seen]);
    await projector.readModels.waitFor(await record('a'), ['seen'], PATIENCE_MS);
    await waitFor(() => heard.length > 0, { what: 'the announcement' });
    expect(heard).toEqual([{ position: 'TELEMETRY:1', document: { _id: 'a', readings: [1], _position: 1 } }]);
  });
});

describe('an event that cannot be folded', () => {
  const poisoned: Projection<Seen> = {
    ...seen,
    name: 'poisoned',
    fold(document, event, key) {
      if (event.recorded.sequence === 2) throw new TypeError('no such unit');
      return seen.fold(document, event, key);
    },
  };

  test('stops its projection with a dead letter, and the others go on', async () => {
    await using projector = start([seen, poisoned]);
    await projector.readModels.waitFor(await record('a', 'a', 'a'), ['seen'], PATIENCE_MS);
    const letter = await waitFor(() => database.collection<DeadLetter>('dead_letters').findOne(), {
      what: 'the dead letter',
    });
    expect(letter).toMatchObject({ _id: 'poisoned_v1:2', position: 'TELEMETRY:2', projection: 'poisoned' });
    expect(letter.error).toContain('no such unit');
    expect(await documents('poisoned_v1')).toEqual([{ _id: 'a', readings: [1], _position: 1 }]);
    const health = await waitFor(
      async () => {
        const all = await projector.readModels.positions();
        return all.find((one) => one.name === 'poisoned')?.status === 'stopped' && all;
      },
      { what: 'the projection to be red' },
    );
    expect(health).toMatchObject([
      { name: 'poisoned', status: 'stopped', position: 1, lag: 2 },
      { name: 'seen', status: 'running', position: 3, lag: 0 },
    ]);
  });

  test('is folded after all by a repaired projection', async () => {
    await using broken = start([poisoned]);
    const last = await record('a', 'a', 'a');
    await waitFor(async () => ((await checkpoint('poisoned_v1'))?.stopped ?? null) !== null, {
      what: 'the projection to stop',
    });
    await broken[Symbol.asyncDispose]();
    await projected([{ ...poisoned, fold: seen.fold }], last);
    expect(await documents('poisoned_v1')).toEqual([{ _id: 'a', readings: [1, 2, 3], _position: 3 }]);
  });
});

describe('what is read is checked against what was read before', () => {
  test('a log made anew is noticed, and the read model is rebuilt from it alone', async () => {
    await projected([seen], await record('a', 'b', 'c'));
    await deleteStream('TELEMETRY');
    await ensureStreams(nc);
    await record('d');
    await using projector = start([seen]);
    await waitFor(() => isOfNewLog(projector.readModels), { what: 'the read model to be that of the new log' });
  });

  test('also while it is running', async () => {
    await using projector = start([seen]);
    await projector.readModels.waitFor(await record('a', 'b', 'c'), ['seen'], PATIENCE_MS);
    await deleteStream('TELEMETRY');
    await ensureStreams(nc);
    await record('d');
    const what = 'the read model to be that of the new log';
    await waitFor(() => isOfNewLog(projector.readModels), { what, msMax: 15_000 });
  });

  describe('a log restored from an older copy', () => {
    test('that is shorter is noticed', async () => {
      await record('a');
      const restore = await copyOfLog();
      await projected([seen], await record('b', 'c'));
      await restore();
      await using _ = start([seen]);
      await waitFor(() => holds([{ _id: 'a', readings: [1], _position: 1 }]), {
        what: 'the read model of what is left',
      });
    });

    test('that has grown past the read model since is noticed', async () => {
      await record('a');
      const restore = await copyOfLog();
      await projected([seen], await record('b', 'c'));
      await restore();
      const last = await recordWhenBack('d', 'd', 'd');
      await projected([seen], last);
      expect(await documents('seen_v1_2')).toEqual([
        { _id: 'a', readings: [1], _position: 1 },
        { _id: 'd', readings: [2, 3, 4], _position: 4 },
      ]);
    });

    test('is noticed while the projector runs', async () => {
      await record('a');
      const restore = await copyOfLog();
      await using projector = start([seen]);
      await projector.readModels.waitFor(await record('b', 'c'), ['seen'], PATIENCE_MS);
      await restore();
      await recordWhenBack('d', 'd', 'd');
      const what = 'the read model of what was restored and came after';
      const expected = [
        { _id: 'a', readings: [1], _position: 1 },
        { _id: 'd', readings: [2, 3, 4], _position: 4 },
      ];
      await waitFor(() => holds(expected), { what, msMax: PATIENCE_MS });
    });

    /** Copies the log as it is; answers how to go back to the copy. The server is killed for both. */
    async function copyOfLog(): Promise<() => Promise<void>> {
      const copy = `${nats.storeFolder}.copy`;
      await nats.kill();
      await cp(nats.storeFolder, copy, { recursive: true });
      await nats.restart();
      await whenConnected(nc, AbortSignal.timeout(PATIENCE_MS));
      return async () => {
        await nats.kill();
        await rm(nats.storeFolder, { recursive: true });
        await rename(copy, nats.storeFolder);
        await nats.restart();
      };
    }

    async function recordWhenBack(...twinIds: string[]): Promise<Position> {
      await whenConnected(nc, AbortSignal.timeout(PATIENCE_MS));
      return record(...twinIds);
    }

    async function holds(expected: readonly Seen[]): Promise<boolean> {
      using readModels = openReadModels(database, nc);
      await waitFor(() => readModels.position('seen'), { what: 'the read model to be known' });
      const all = await readModels.collection<Seen>('seen').find().sort({ _id: 1 }).toArray();
      return JSON.stringify(all) === JSON.stringify(expected);
    }
  });

  async function isOfNewLog(readModels: ReadModels): Promise<boolean> {
    const all = await readModels.collection<Seen>('seen').find().toArray();
    return all.length === 1 && all[0]?._id === 'd' && all[0]._position === 1;
  }
});

test('a dropped database is rebuilt, with the same digest', async () => {
  const last = await record('a', 'b', 'a', 'c');
  await using projector = start([seen]);
  await projector.readModels.waitFor(last, ['seen'], PATIENCE_MS);
  const before = await projector.readModels.digest('seen');
  await database.dropDatabase();
  await waitFor(async () => (await projector.readModels.collection<Seen>('seen').countDocuments()) === 3, {
    what: 'the read model to be rebuilt',
  });
  expect(await projector.readModels.digest('seen')).toBe(before);
});

test('a killed server is waited for, and nothing is lost or doubled', async () => {
  await using projector = start([seen]);
  await projector.readModels.waitFor(await record('a', 'b'), ['seen'], PATIENCE_MS);
  await nats.kill();
  await nats.restart();
  const last = await waitFor(() => record('a').catch(() => undefined), { what: 'the server to take readings again' });
  await projector.readModels.waitFor(last, ['seen'], PATIENCE_MS);
  expect(await documents()).toMatchObject([{ readings: [1, 3] }, { readings: [2] }]);
});

test('a database that is cut off is waited for, and nothing is lost or doubled', async () => {
  await using line = await lineTo(databaseUri);
  const opened = await openDatabase(line.uri, 'test');
  await using projector = start([seen], opened.database);
  await projector.readModels.waitFor(await record('a', 'b'), ['seen'], PATIENCE_MS);
  line.cut();
  const last = await record('a', 'b');
  using readModels = openReadModels(database, nc);
  await expect(readModels.waitFor(last, ['seen'], 500)).rejects.toThrow(NotYet);
  line.mend();
  await readModels.waitFor(last, ['seen'], PATIENCE_MS);
  expect(await documents()).toMatchObject([{ readings: [1, 3] }, { readings: [2, 4] }]);
  await projector[Symbol.asyncDispose]();
  await opened[Symbol.asyncDispose]();
});

test('two projectors at once do nothing twice', async () => {
  await using one = start([seen]);
  await using other = start([seen]);
  let last: Position = 'TELEMETRY:0';
  for (let round = 0; round < 20; round++) last = await record('a', 'b');
  await one.readModels.waitFor(last, ['seen'], PATIENCE_MS);
  await other.readModels.waitFor(last, ['seen'], PATIENCE_MS);
  const sequences = Array.from({ length: 20 }, (_, index) => 2 * index);
  expect(await documents()).toEqual([
    { _id: 'a', readings: sequences.map((even) => even + 1), _position: 39 },
    { _id: 'b', readings: sequences.map((even) => even + 2), _position: 40 },
  ]);
});

test('a new version is built beside the old one and served when it has caught up', async () => {
  const last = await record('a', 'b');
  await projected([seen], last);
  const counted: Projection<ReadModelDocument & { count: number }> = {
    ...seen,
    version: 2,
    fold: (document, _event, key) => ({ _id: key, count: (document?.count ?? 0) + 1 }),
  };
  await using projector = start([counted]);
  await waitFor(async () => (await pointersIn(database).findOne({ _id: 'seen' }))?.version === 2, {
    what: 'version 2 to be served',
  });
  await projector.readModels.waitFor(await record('b'), ['seen'], PATIENCE_MS);
  expect(await documents('seen_v2')).toMatchObject([{ count: 1 }, { count: 2 }]);
  expect(await documents('seen_v1')).toHaveLength(2);
});

const start = (projections: readonly AnyProjection[], its = database) => startProjector(nc, its, projections);
const record = (...twinIds: string[]) => recordReadings(nc, twinIds);

/** Runs a projector until its read models hold everything up to a position. */
async function projected(projections: readonly AnyProjection[], last: Position): Promise<void> {
  await using projector = start(projections);
  await projector.readModels.waitFor(
    last,
    projections.map((projection) => projection.name),
    PATIENCE_MS,
  );
}

function documents(collection = 'seen_v1'): Promise<ReadModelDocument[]> {
  return database.collection<ReadModelDocument>(collection).find().sort({ _id: 1 }).toArray();
}

function checkpoint(id: string) {
  return checkpointsIn(database).findOne({ _id: id });
}

async function deleteStream(name: string): Promise<void> {
  await nc.request(`$JS.API.STREAM.DELETE.${name}`, '', { timeout: 5_000 });
}

type Heard = { position: string | undefined; document: ReadModelDocument };

function listen(subject: string): Heard[] {
  const heard: Heard[] = [];
  const subscription = nc.subscribe(subject, {
    callback: (_error, message) => {
      heard.push({ position: message.headers?.get(LIVE_POSITION_HEADER), document: message.json() });
    },
  });
  onTestFinished(() => subscription.unsubscribe());
  return heard;
}
