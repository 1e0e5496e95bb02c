import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import { expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../testing/waitFor.ts';
import { answersPing, type DatabasePlace, type RunningDatabase, startDatabase } from './database.ts';
import { databasePart } from './parts/database.ts';
import { freePorts } from './ports.ts';
import { isRunning } from './process-identity.ts';
import { type Supervisor, supervise } from './supervisor.ts';

const RESTART_MS_MAX = 30_000;

test('what was written is there after a stop in order and a new start, and no process is left between them', async () => {
  const place = await newPlace();
  const first = await start(place);
  await write(first.database, 'a');
  const running = first.supervisor.running();
  expect(running.length).toBeGreaterThan(0);
  await first.supervisor.stop();
  expect(running.filter(isRunning)).toEqual([]);
  const second = await start(place);
  expect(second.database.uri).toBe(first.database.uri);
  expect(await read(second.database)).toEqual(['a']);
});

test('a database whose every process is killed comes back by itself', async () => {
  const place = await newPlace();
  const { database, supervisor } = await start(place);
  await write(database, 'a');
  const killed = supervisor.running();
  for (const child of killed) process.kill(child.pid, 'SIGKILL');
  await waitFor(async () => supervisor.running().length === killed.length && (await answersPing(database.uri)), {
    what: 'the database to be back',
    msMax: RESTART_MS_MAX,
  });
  await write(database, 'b');
  expect(await read(database)).toContain('b');
});

test('the pid file of a killed server does not keep a new one from starting when another program has the pid', async () => {
  const place = await newPlace();
  const first = await start(place);
  await first.supervisor.stop();
  await writeFile(join(place.folder, 'postgresql/postmaster.pid'), `${process.pid}\n`).catch(() => undefined);
  const second = await start(place);
  expect(await answersPing(second.database.uri)).toBe(true);
});

async function newPlace(): Promise<DatabasePlace> {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-database-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { folder, ...(await freePorts('port', 'postgresPort')) };
}

async function start(place: DatabasePlace): Promise<{ supervisor: Supervisor; database: RunningDatabase }> {
  const supervisor = supervise({ logFolder: join(place.folder, 'logs') });
  onTestFinished(() => supervisor.stop());
  return { supervisor, database: await startDatabase(supervisor, await databasePart(), place) };
}

async function write(database: RunningDatabase, id: string): Promise<void> {
  await using client = await MongoClient.connect(database.uri);
  await client.db().collection<{ _id: string }>('things').insertOne({ _id: id });
}

async function read(database: RunningDatabase): Promise<string[]> {
  await using client = await MongoClient.connect(database.uri);
  const documents = await client.db().collection<{ _id: string }>('things').find().sort({ _id: 1 }).toArray();
  return documents.map((document) => document._id);
}
