import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Command } from '@stratum/contracts/envelope.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import {
  type Limits,
  limitsChangedV1,
  limitsChangedV2,
  type TwinDirectoryDocument,
  twinDefinitionSchema,
} from '@stratum/contracts/twin/twin.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { header, publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openReadModels } from '@stratum/infra/projector/read-models.ts';
import { rebuildAndCompare } from '@stratum/infra/projector/rebuild.ts';
import { freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { all } from '@stratum/projections/all.ts';
import type { Db } from 'mongodb';
import { expect, onTestFinished, test } from 'vitest';
import { type TwinCommand, twinDecider } from './twin.ts';

const PATIENCE_MS = 30_000;
const newestRelease = fileURLToPath(new URL('../../projections/main.ts', import.meta.url));
const olderRelease = fileURLToPath(new URL('../../projections/older-release.fixture.ts', import.meta.url));
const sampleOf = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../contracts/golden/${name}.json`, import.meta.url), 'utf8'));

const rig: Aggregate = { site: 'main', entity: 'twin', id: 'drillrig1' };
const definition = twinDefinitionSchema.parse({
  twinId: 'drillrig1',
  name: 'Drill Rig',
  twinType: 'drill-rig',
  valueStream: 'Upstream',
  parameters: [{ key: 'torque', name: 'Torque', unit: 'Nm', limits: { low: 50, high: 150 } }],
});
const recordedOnce = limitsChangedV1.parse(sampleOf('LimitsChanged.v1'));
const limitsTo = (high: number): Limits => ({ ...recordedOnce.limits, high });

test('an event of version 1 lives on beside version 2: stored as it was, read as the newest, and each release reads both', {
  timeout: 120_000,
}, async () => {
  await using nats = await startNats();
  await using newer = await freshDatabase();
  await using older = await freshDatabase();
  await using nc = await connectNats(nats.url, { name: 'test' });
  await ensureStreams(nc);
  await using store = openStore(nc);
  using newest = openReadModels(newer.db, nc);
  using before = openReadModels(older.db, nc);

  await handle(store, twinDecider, rig, wish('commission', 'CommissionTwin', definition));
  await writeAsReleaseOne(nc, 'once', recordedOnce);
  const asItWas = await stored(nc);

  await startProgram(newestRelease, nats.url, newer.uri);
  await startProgram(olderRelease, nats.url, older.uri);
  const change = { twinId: 'drillrig1', parameter: 'torque', limits: limitsTo(130), reason: 'bit is worn' };
  await handle(store, twinDecider, rig, wish('change', 'ChangeLimits', change));
  // A worker that is not yet replaced goes on writing what it knows.
  const last = await writeAsReleaseOne(nc, 'late', { ...recordedOnce, limits: limitsTo(120), reason: 'bit changed' });

  const versions = (await store.read(rig)).map(({ type, envelope }) => `${type}.v${envelope.version}`);
  expect(versions).toEqual(['TwinCommissioned.v1', 'LimitsChanged.v1', 'LimitsChanged.v2', 'LimitsChanged.v1']);
  const changes = (await store.read(rig)).slice(1).map(({ data }) => limitsChangedV2.parse(data));
  expect(changes.map(({ previous }) => previous?.high ?? null)).toEqual([null, 140, null]);

  for (const readModels of [newest, before]) {
    // By the document: both programs announce their progress, and both would be heard.
    const twin = await waitFor(
      () =>
        readModels.collection<TwinDirectoryDocument>('twin_directory').findOne({ _id: 'drillrig1', _position: last }),
      { what: `the twin to be as of ${last}`, msMax: PATIENCE_MS },
    );
    expect(twin.parameters[0]).toMatchObject({
      limits: limitsTo(120),
      limitsChange: { reason: 'bit changed', previous: limitsTo(130) },
    });
    expect(await readModels.positions()).not.toContainEqual(expect.objectContaining({ status: 'stopped' }));
  }
  await expectRebuiltAlike(nc, newer.db);
  expect((await stored(nc)).slice(0, asItWas.length)).toEqual(asItWas);
});

/** Folds the log again, in this program, beside what the program of the database has folded event by event. */
async function expectRebuiltAlike(nc: NatsConnection, database: Db): Promise<void> {
  const { signal } = new AbortController();
  const projections = all.filter(({ stream }) => stream === 'PLANT');
  const rebuilt = await rebuildAndCompare({ projections, nc, database, signal, onProgress: () => undefined });
  expect(rebuilt.map(({ name, differences }) => ({ name, differences }))).toEqual(
    projections.map(({ name }) => ({ name, differences: [] })),
  );
  expect(rebuilt.find(({ name }) => name === 'twin_directory')).toMatchObject({ documents: 1 });
}

/** Records a change of limits as the first release did. Answers its sequence. */
async function writeAsReleaseOne(nc: NatsConnection, id: string, data: unknown): Promise<number> {
  const attributes = {
    'Nats-Msg-Id': `${id}-0`,
    'ce-id': `${id}-0`,
    'ce-type': 'LimitsChanged',
    'ce-dataschema': 'urn:stratum:schema:LimitsChanged.v1',
    'ce-specversion': '1.0',
    'ce-source': '/services/twin',
    'ce-subject': rig.id,
    'ce-time': '2026-11-24T20:00:00.000Z',
    'ce-correlationid': id,
    'ce-causationid': id,
    'ce-actor': 'account:olga',
  };
  const headers = Object.entries(attributes).map(([name, value]) => header(name, value));
  const body = Buffer.from(JSON.stringify(data));
  const { sequence } = await publisherOf(nc).publish(plantSubject(rig), body, headers.join(''));
  return sequence;
}

/** The messages of the twin as the log holds them. */
async function stored(nc: NatsConnection): Promise<object[]> {
  const messages = await readSubject(publisherOf(nc), 'PLANT', plantSubject(rig), 0);
  return messages.map(({ sequence, recordedAt, headers, data }) => {
    const schema = headers.get('ce-dataschema');
    return { sequence, recordedAt, schema, body: Buffer.from(data).toString() };
  });
}

function wish<Type extends TwinCommand['type']>(
  id: string,
  type: Type,
  data: Extract<TwinCommand, { type: Type }>['data'],
): TwinCommand {
  const command: Command<Type, typeof data> = {
    id,
    type,
    data,
    actor: 'account:olga',
    correlationId: id,
    time: '2026-11-24T20:00:00.000Z',
  };
  return command as TwinCommand;
}

/** Starts a release of the projections and waits until it says it is ready. It is killed with the test at the latest. */
async function startProgram(file: string, natsUrl: string, mongodbUri: string): Promise<ChildProcess> {
  const program = spawn(process.execPath, [file], {
    env: { ...process.env, NATS_URL: natsUrl, MONGODB_URI: mongodbUri, LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void program.kill('SIGKILL'));
  for await (const line of createInterface({ input: program.stdout })) {
    if (line.startsWith('{"ready":true')) return program;
  }
  throw new Error('the program ended before it was ready');
}
