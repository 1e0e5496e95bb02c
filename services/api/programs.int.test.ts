import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { sessionView } from '@stratum/contracts/account/account.ts';
import { type EventsPage, eventsPage, type HealthView, healthView, problemSchema } from '@stratum/contracts/http.ts';
import { type FreshDatabase, freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Three programs start at once on a busy machine. */
const START_MS_MAX = 40_000;
const password = 'a password for the demo';

let nats: TestNats;
let fresh: FreshDatabase;
let database: Cable;
let api: Program;
let url: string;
const programs: Program[] = [];

type Program = { child: ChildProcess; output: () => string };

function run(script: string, environment: Record<string, string> = {}): Program {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [`${root}/${script}`], {
    env: {
      PATH,
      HOME,
      NATS_URL: nats.url,
      MONGODB_URI: fresh.uri,
      MQTT_URL: nats.mqttUrl,
      JWT_SECRET: 'a secret of at least thirty-two characters',
      BCRYPT_COST: '4',
      DEMO_PASSWORD: password,
      LOG_LEVEL: 'warn',
      PORT: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += chunk));
  const program = { child, output: () => text };
  programs.push(program);
  return program;
}

async function readiness({ child, output }: Program): Promise<Record<string, unknown>> {
  const line = await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output()}`);
      return output()
        .split('\n')
        .find((one) => one.startsWith('{"ready":true'));
    },
    { what: 'a program to be ready', msMax: START_MS_MAX, pollMs: 100 },
  );
  return JSON.parse(line);
}

async function stop({ child }: Program): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null) return 0;
  const startedAt = performance.now();
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
  return performance.now() - startedAt;
}

const ask = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(url + path, { ...init, signal: AbortSignal.timeout(20_000) });
  const body: unknown = await response.json();
  return { status: response.status, headers: response.headers, body };
};

/** The way to the database for the API alone, which can be cut: the server itself is shared with other tests. */
type Cable = { uri: string; cut: () => Promise<void>; mend: () => Promise<void> };

async function cableTo(uri: string): Promise<Cable> {
  const far = new URL(uri);
  const ends = new Set<Socket>();
  const open = async (port: number): Promise<Server> => {
    const server = createServer((near) => {
      const away = connect(Number(far.port), far.hostname);
      for (const end of [near, away]) {
        ends.add(end);
        end.on('error', () => undefined).on('close', () => ends.delete(end));
      }
      near.pipe(away).pipe(near);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  let server = await open(0);
  const { port } = server.address() as AddressInfo;
  const near = new URL(uri);
  near.host = `127.0.0.1:${port}`;
  return {
    uri: near.href,
    async cut() {
      const closed = once(server, 'close');
      server.close();
      for (const end of ends) end.destroy();
      await closed;
    },
    async mend() {
      server = await open(port);
    },
  };
}

let tokens: Record<string, string>;

async function tokenOf(user: string): Promise<string> {
  const { body } = await ask('/api/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: `${user}@stratum.local`, password }),
  });
  return sessionView.parse(body).accessToken;
}

const withToken = (user: string) => ({ authorization: `Bearer ${tokens[user]}` });

const placeOrder = (key: string, quantity: number) =>
  ask('/api/orders', {
    method: 'POST',
    headers: { ...withToken('erp'), 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ description: 'Cola Bottles 500ml', quantity, material: 'PET Plastic' }),
  });
const health = async (): Promise<HealthView> => healthView.parse((await ask('/health')).body);
const isReady = async () => (await ask('/ready')).status === 200;

beforeAll(async () => {
  nats = await startNats({ mqtt: true });
  fresh = await freshDatabase();
  database = await cableTo(fresh.uri);
  const all = [
    run('projections/main.ts'),
    run('services/worker/main.ts'),
    run('services/api/main.ts', { MONGODB_URI: database.uri }),
  ];
  const [, , apiLine] = await Promise.all(all.map(readiness));
  url = String(apiLine?.url);
  api = all[2] as Program;
  await waitFor(isReady, { what: 'the API to be ready', msMax: START_MS_MAX, pollMs: 100 });
  tokens = Object.fromEntries(
    await Promise.all(['erp', 'auditor', 'user'].map(async (user) => [user, await tokenOf(user)])),
  );
}, 90_000);
afterAll(async () => {
  await Promise.all(programs.map(stop));
  await database?.cut();
  await fresh?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
}, 30_000);

test('health tells how every server, projection and part of the worker is', async () => {
  const { status, parts, projections } = await waitFor(
    async () => {
      const view = await health();
      return view.status === 'ok' ? view : undefined;
    },
    { what: 'everything to be well' },
  );
  expect(status).toBe('ok');
  const expected = ['nats', 'database', 'worker/order', 'worker/telemetry', 'projections/PLANT'];
  expect(Object.keys(parts)).toEqual(expect.arrayContaining(expected));
  expect(parts['projections/TELEMETRY']?.detail).toMatch(/^at \d+, led by projections-\w+, 0 in reserve$/);
  expect(projections.map(({ name }) => name)).toEqual(expect.arrayContaining(['twin_directory', 'twin_state']));
});

test('an order with an Idempotency-Key is placed once and answered the same twice', async () => {
  const order = (quantity: number) => placeOrder('order-1', quantity);
  const first = await order(3000);
  expect(first.status).toBe(201);
  const again = await order(3000);
  expect(again.body).toEqual(first.body);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect((await order(4000)).status).toBe(422);
  const placed = await ask('/api/events?type=OrderPlaced', { headers: withToken('auditor') });
  expect(eventsPage.parse(placed.body).events).toHaveLength(1);
});

test('the log is read newest first, filtered by what the auditor asks for, and page by page', async () => {
  const events = (query: string) => ask(`/api/events${query}`, { headers: withToken('auditor') });
  const pageOf = async (query: string) => eventsPage.parse((await events(query)).body);
  const all = await pageOf('?limit=200');
  const positions = all.events.map(({ position }) => Number(position.split(':')[1]));
  expect(positions).toEqual(positions.toSorted((a, b) => b - a));
  expect(all.next).toBeNull();

  const twin = await pageOf('?subject=drillrig1');
  expect(twin.events.map(({ type }) => type)).toEqual(['TwinCommissioned']);
  expect(twin.events[0]).toMatchObject({ entity: 'twin', subject: 'drillrig1', actor: 'seed:twin', version: 1 });
  const accounts = await pageOf('?entity=account');
  expect(accounts.events).toHaveLength(9);
  expect(JSON.stringify(accounts)).not.toContain('$2');

  const paged: unknown[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page: EventsPage = await pageOf(`?limit=5${next === '' ? '' : `&before=${next}`}`);
    paged.push(...page.events);
    next = page.next;
  }
  expect(paged).toEqual(all.events);
  expect((await ask('/api/events', { headers: withToken('user') })).status).toBe(403);
  const refused = problemSchema.parse((await events('?before=TELEMETRY:3')).body);
  expect(refused.errors?.[0]?.field).toBe('before');
});

test('while NATS is away requests get 503 within bounds, and everything heals when it is back', async () => {
  await nats.kill();
  const startedAt = performance.now();
  const refused = await Promise.all([
    ask('/api/events', { headers: withToken('auditor') }),
    placeOrder('during-the-outage', 10),
    ask('/api/auth/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'user@stratum.local', password }),
    }),
  ]);
  for (const { status, headers } of refused) expect([status, headers.get('retry-after')]).toEqual([503, '1']);
  expect(performance.now() - startedAt).toBeLessThan(16_000);
  expect((await ask('/ready')).status).toBe(503);
  await nats.restart();
  await waitFor(isReady, { what: 'the API to be ready again', msMax: START_MS_MAX, pollMs: 200 });
  await waitFor(async () => (await health()).status === 'ok', {
    what: 'everything to be well again',
    msMax: START_MS_MAX,
    pollMs: 200,
  });
  expect((await ask('/api/events', { headers: withToken('auditor') })).status).toBe(200);
  expect((await placeOrder('during-the-outage', 10)).status).toBe(201);
}, 120_000);

test('while the database is away queries get 503 and commands go on; it heals when it is back', async () => {
  await database.cut();
  const query = await ask('/api/orders', { headers: withToken('erp') });
  expect([query.status, query.headers.get('retry-after')], api.output().slice(-3000)).toEqual([503, '1']);
  expect((await placeOrder('without-a-database', 10)).status).toBe(201);
  // What is asked of the parts is remembered for a moment, so that many who ask cost one look.
  await waitFor(async () => !(await isReady()), { what: 'the API to say that it is not ready', pollMs: 100 });
  await database.mend();
  await waitFor(isReady, { what: 'the API to be ready again', msMax: START_MS_MAX, pollMs: 200 });
  expect((await ask('/api/orders', { headers: withToken('erp') })).status).toBe(200);
}, 60_000);

test('a missing variable is named, and its value is never shown', async () => {
  const program = run('services/api/main.ts', { JWT_SECRET: 'too short', PORT: 'eighty' });
  await once(program.child, 'exit');
  expect(program.child.exitCode).toBe(1);
  expect(program.output()).toContain('JWT_SECRET: must have at least 32 characters');
  expect(program.output()).toContain('PORT: must be a number');
  expect(program.output()).not.toContain('too short');
  expect(program.output()).not.toMatch(/^\s+at /m);
});

test('the API stops in order while browsers watch', async () => {
  const watching = await fetch(`${url}/api/live`, { headers: withToken('auditor') });
  expect(watching.status).toBe(200);
  expect(await stop(api)).toBeLessThan(4_000);
  expect(api.child.exitCode).toBe(0);
  await watching.body?.cancel().catch(() => undefined);
});
