import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Role } from '@stratum/contracts/account/account.ts';
import { type RebuildView, rebuildView } from '@stratum/contracts/rebuild.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import type { App } from '@stratum/infra/http/routes.ts';
import { openLog } from '@stratum/infra/log.ts';
import { openReadModels } from '@stratum/infra/projector/read-models.ts';
import { type FreshDatabase, freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { all } from '@stratum/projections/all.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rebuildRoutes } from './rebuild.routes.ts';

/** Enough for a rebuild to take a moment, so that it can be watched, cancelled and killed. */
const READINGS = 24_000;
const TWINS = 8;
const CATCH_UP_MS_MAX = 60_000;
const PATIENCE = { msMax: 60_000, pollMs: 50 };
const logger = openLog('test', 'silent');

let nats: TestNats;
let nc: NatsConnection;
let fresh: FreshDatabase;
let app: App;

beforeAll(async () => {
  nats = await startNats();
  fresh = await freshDatabase();
  nc = await connectNats(nats.url, { name: 'rebuild-test' });
  await ensureStreams(nc);
  await recordReadings();
  app = await openApp();
}, 120_000);
afterAll(async () => {
  running?.kill('SIGKILL');
  await app?.close();
  await nc?.close();
  await fresh?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

test('before the first rebuild there is none, and without the projections nobody does it', async () => {
  expect(await look()).toEqual({ run: null });
  const answer = await ask('POST', '/api/rebuild');
  expect([answer.statusCode, answer.json().code]).toEqual([503, 'NobodyRebuilds']);
});

test('is for auditors alone', async () => {
  expect((await ask('GET', '/api/rebuild', { role: 'operator' })).statusCode).toBe(403);
  expect((await ask('POST', '/api/rebuild', { role: 'erp-owner' })).statusCode).toBe(403);
});

test('is watched from any API process, one at a time, and finds what was changed behind the log’s back', {
  timeout: 180_000,
}, async () => {
  await startProjections();
  const begun = rebuildView.parse((await ask('POST', '/api/rebuild')).json());
  expect(begun.run).toMatchObject({ by: 'account:acc-1', state: 'running', modelCount: all.length });

  const second = await ask('POST', '/api/rebuild');
  expect([second.statusCode, second.json().code]).toEqual([409, 'RebuildUnderWay']);

  // Another API process, as after a restart of the first, knows as much.
  const other = await openApp();
  const seen: RebuildView[] = [];
  const finished = await waitFor(
    async () => {
      const view = await look(other);
      seen.push(view);
      return view.run?.state === 'finished' ? view.run : undefined;
    },
    { what: 'the rebuild to finish', ...PATIENCE },
  );
  await other.close();
  expect(finished.id).toBe(begun.run?.id);
  expect(finished.models.map(({ name }) => name).toSorted()).toEqual(all.map(({ name }) => name).toSorted());
  for (const { servedDigest, rebuiltDigest, differences } of finished.models) {
    expect([rebuiltDigest, differences]).toEqual([servedDigest, []]);
  }
  expect(finished.read).toContainEqual({ stream: 'TELEMETRY', position: READINGS, last: READINGS });
  const positions = seen.map(({ run }) => run?.read.find(({ stream }) => stream === 'TELEMETRY')?.position ?? 0);
  expect(positions).toEqual(positions.toSorted((one, next) => one - next));

  await setReadingCount('twin3', 1);
  await ask('POST', '/api/rebuild');
  const tampered = await ended();
  await setReadingCount('twin3', READINGS / TWINS);
  expect(tampered.state).toBe('finished');
  const differing = tampered.models.filter(({ differenceCount }) => differenceCount > 0);
  expect(differing).toEqual([
    expect.objectContaining({
      name: 'twin_state',
      differenceCount: 1,
      differences: [{ id: 'twin3', how: 'changed', fields: ['readingCount'] }],
      rebuiltCollection: expect.stringMatching(/^rebuild_.+_twin_state_v1$/),
    }),
  ]);
});

test('begins once, however often the same wish is told', async () => {
  await startProjections();
  const headers = { 'idempotency-key': 'one-wish' };
  const answers = await Promise.all([1, 2, 3].map(() => ask('POST', '/api/rebuild', { headers })));
  const views = answers.map((answer) => [answer.statusCode, rebuildView.parse(answer.json()).run?.id]);
  expect(views).toEqual([1, 2, 3].map(() => [202, views[0]?.[1]]));
  const first = await ended();
  expect((await ask('POST', '/api/rebuild', { headers })).statusCode).toBe(202);
  expect((await look()).run).toEqual(first);
}, 120_000);

test('is cancelled, leaves nothing behind, and cannot be cancelled twice', async () => {
  await startProjections();
  const { run } = rebuildView.parse((await ask('POST', '/api/rebuild')).json());
  expect((await ask('POST', `/api/rebuild/${run?.id}/cancel`)).statusCode).toBe(202);
  expect(await ended()).toMatchObject({ id: run?.id, state: 'cancelled', error: null });
  expect(await rebuiltCollections()).toEqual([]);
  const again = await ask('POST', `/api/rebuild/${run?.id}/cancel`);
  expect([again.statusCode, again.json().code]).toEqual([409, 'RebuildNotUnderWay']);
}, 120_000);

test('that dies with its program is shown as such, and another can begin', async () => {
  const projections = await startProjections();
  const { run } = rebuildView.parse((await ask('POST', '/api/rebuild')).json());
  projections.kill('SIGKILL');
  await once(projections, 'exit');
  const dead = await ended();
  expect(dead).toMatchObject({ id: run?.id, state: 'died' });
  expect((await ask('POST', `/api/rebuild/${run?.id}/cancel`)).statusCode).toBe(409);
  await startProjections();
  expect((await ask('POST', '/api/rebuild')).statusCode).toBe(202);
  expect(await ended()).toMatchObject({ state: 'finished' });
}, 180_000);

test('that is stopped with its program says so', async () => {
  const projections = await startProjections();
  await ask('POST', '/api/rebuild');
  projections.kill('SIGTERM');
  await once(projections, 'exit');
  expect((await look()).run).toMatchObject({ state: 'failed', error: 'the program that ran it was stopped' });
}, 120_000);

test('by hand, with `make rebuild`, is shown as any other, and not done beside another', async () => {
  await startProjections();
  const [first, second] = [startByHand(), startByHand()];
  const [one, other] = await Promise.all([first.ended, second.ended]);
  expect([one.code, other.code].toSorted()).toEqual([0, 1]);
  expect(one.said + other.said).toContain(`all ${all.length} read models say what the log says`);
  expect(one.said + other.said).toContain('a rebuild is under way already');
  expect((await look()).run).toMatchObject({ by: 'program:rebuild', state: 'finished' });
}, 120_000);

type Asked = { role?: Role; headers?: Record<string, string>; at?: App };

async function ask(method: 'GET' | 'POST', url: string, { role = 'auditor', headers = {}, at = app }: Asked = {}) {
  const authorization = `Bearer ${at.jwt.sign({ sub: 'acc-1', email: 'a@b.c', name: 'A', role })}`;
  return at.inject({ method, url, headers: { authorization, ...headers } });
}

async function look(at = app): Promise<RebuildView> {
  return rebuildView.parse((await ask('GET', '/api/rebuild', { at })).json());
}

/** Waits for the end of the rebuild under way, whichever end that is. */
function ended() {
  return waitFor(
    async () => {
      const { run } = await look();
      return run?.state === 'running' ? undefined : run;
    },
    { what: 'the rebuild to end', ...PATIENCE },
  );
}

async function openApp(): Promise<App> {
  const opened = await createApp({
    logger,
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
  });
  await mount(opened, rebuildRoutes, { nc });
  await opened.ready();
  return opened;
}

/** Changes a document of a read model as nobody should. */
async function setReadingCount(_id: string, readingCount: number): Promise<void> {
  await fresh.db.collection<{ _id: string }>('twin_state_v1').updateOne({ _id }, { $set: { readingCount } });
}

async function rebuiltCollections(): Promise<string[]> {
  const collections = await fresh.db.listCollections({}, { nameOnly: true }).toArray();
  return collections.map(({ name }) => name).filter((name) => name.startsWith('rebuild_'));
}

async function recordReadings(): Promise<void> {
  const { publish } = publisherOf(nc);
  const startMs = Date.UTC(2026, 10, 24);
  for (let reading = 0; reading < READINGS; reading += TWINS) {
    const observedAt = new Date(startMs + reading * 1_000).toISOString();
    const body = Buffer.from(JSON.stringify({ observedAt, values: { torque: reading % 150 }, outside: {} }));
    await Promise.all(Array.from({ length: TWINS }, (_, twin) => publish(`telemetry.main.twin${twin}`, body, '')));
  }
}

let running: ChildProcess | undefined;

/** Starts the projections program, unless it runs; resolves when it has folded all there is. */
async function startProjections(): Promise<ChildProcess> {
  if (running?.exitCode === null && running.signalCode === null) return running;
  const program = spawn(process.execPath, [fileOf('main.ts')], {
    env: { ...process.env, NATS_URL: nats.url, MONGODB_URI: fresh.uri, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running = program;
  for await (const line of createInterface({ input: program.stdout })) if (line.startsWith('{"ready":true')) break;
  using readModels = openReadModels(fresh.db, nc);
  const names = all.filter(({ stream }) => stream === 'TELEMETRY').map(({ name }) => name);
  await readModels.waitFor(`TELEMETRY:${READINGS}`, names, CATCH_UP_MS_MAX);
  return program;
}

function startByHand(): { ended: Promise<{ code: number; said: string }> } {
  const program = spawn(process.execPath, [fileOf('rebuild.ts')], {
    env: { ...process.env, NATS_URL: nats.url, MONGODB_URI: fresh.uri },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  program.stdout.on('data', (chunk) => {
    said += chunk;
  });
  return { ended: once(program, 'close').then(([code]) => ({ code, said })) };
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(`../../projections/${name}`, import.meta.url));
}
