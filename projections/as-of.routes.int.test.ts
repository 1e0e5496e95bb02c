import type { NatsConnection } from '@nats-io/nats-core';
import { type Command, type Position, parsePosition } from '@stratum/contracts/envelope.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { openStore, type Store } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import type { App } from '@stratum/infra/http/routes.ts';
import { openLog } from '@stratum/infra/log.ts';
import { startProjector, type TestProjector } from '@stratum/infra/projector/fixtures.ts';
import { freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { alertsRoutes } from './alerts/alerts.routes.ts';
import { all } from './all.ts';
import { analyticsRoutes } from './history/analytics.routes.ts';
import { historyRoutes } from './history/history.routes.ts';
import { ordersRoutes } from './orders/orders.routes.ts';
import { workRoutes } from './orders/work.routes.ts';
import { type PlantFact, plantFacts } from './plant-history.fixture.ts';
import { productionRoutes } from './production-days/production-days.routes.ts';
import { reportsRoutes } from './reports/reports.routes.ts';
import { shopfloorsRoutes } from './shopfloors/shopfloors.routes.ts';
import { twinStateRoutes } from './twin-state/twin-state.routes.ts';

const PATIENCE_MS = 60_000;
const day = Date.UTC(2026, 10, 24);
const range = 'from=2026-11-24T00:00:00Z&to=2026-11-24T06:00:00Z';
const projections = all.map((one) => (one.stream === 'PLANT' ? { ...one, snapshotEvery: 7 } : one));
const names = projections.map(({ name }) => name);

const urls = [
  '/api/alerts',
  '/api/alerts?twin=pump1&state=UNACK',
  '/api/alerts/history?limit=3',
  '/api/orders?limit=2',
  '/api/orders/ORD-0000000001',
  '/api/work?shopfloorId=shopfloor1',
  '/api/reports?limit=4',
  '/api/reports/ORD-0000000002',
  '/api/shopfloors',
  '/api/production?from=2026-11-24&to=2026-11-24',
  '/api/twins',
  '/api/twin/pump1',
  '/api/twin/pump1/history?limit=3',
  `/api/twin/pump1/trend?${range}`,
  '/api/twin/pump1/trend?from=2026-11-24T00:00:00Z&to=2026-11-24T01:00:00Z',
  `/api/analytics/pump1?${range}`,
];

let nc: NatsConnection;
let store: Store;
let app: App;
let projector: TestProjector;
let authorization: string;
const lasts = new Map<string, number>();

beforeAll(async () => {
  const nats = await startNats();
  const fresh = await freshDatabase();
  nc = await connectNats(nats.url, { name: 'test' });
  await ensureStreams(nc);
  store = openStore(nc);
  projector = startProjector(nc, fresh.db, projections);
  const logger = openLog('test', 'silent');
  const about = { title: 'Test', description: 'Test', version: '1.0.0', tags: [] };
  app = await createApp({ logger, jwtSecret: 'a secret of at least thirty-two characters', about });
  const { readModels } = projector;
  const deps = { nc, store, readModels, database: fresh.db, now: () => new Date(), logger };
  for (const routes of [twinStateRoutes, historyRoutes, analyticsRoutes]) await mount(app, routes, deps);
  for (const routes of [alertsRoutes, reportsRoutes, workRoutes, productionRoutes]) await mount(app, routes, deps);
  await mount(app, ordersRoutes, deps);
  await mount(app, shopfloorsRoutes, deps);
  await app.ready();
  authorization = `Bearer ${app.jwt.sign({ sub: 'tester', email: 'a@stratum.local', name: 'Tester', role: 'admin' })}`;
  return async () => {
    await app.close();
    await projector[Symbol.asyncDispose]();
    await nc.close();
    await fresh[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  };
}, 120_000);

test('every query as of a position answers what it answered then, and says of which positions', {
  timeout: 120_000,
}, async () => {
  const was: { position: Position; telemetry: Position; answers: Record<string, unknown> }[] = [];
  for (let part = 0; part < 6; part++) {
    const telemetry = await recordReadings(part);
    const position = await record(fc.sample(plantFacts, { numRuns: 25, seed: part }));
    await projector.readModels.waitFor(telemetry, names, PATIENCE_MS);
    await projector.readModels.waitFor(position, names, PATIENCE_MS);
    was.push({ position, telemetry, answers: await answersOf((url) => url) });
  }
  for (const { position, telemetry, answers } of was) {
    expect(await answersOf((url) => withAsOf(url, position)), position).toEqual(answers);
    const { headers } = await get(withAsOf('/api/orders', position));
    expect(headers['stratum-as-of']).toBe(`${position} ${telemetry}`);
  }
});

test.each([
  ['yesterday', 400, 'must be a UTC instant such as 2026-11-24T20:15:00Z, or a position such as PLANT:1234'],
  ['PLANT:99999', 400, 'is in the future: PLANT ends at PLANT:'],
  ['2999-01-01T00:00:00Z', 400, 'is in the future: it is '],
  ['PLANT:1&after=PLANT:1', 400, 'asks about the past, `after` about now: give one of them'],
])('as of %s is refused by every query, with the field named', async (asOf, status, message) => {
  const isPage = (url: string) => url.includes('/history?limit=3') && asOf.includes('after');
  for (const url of urls.filter((one) => !isPage(one))) {
    const answer = await get(withAsOf(url, asOf));
    expect([url, answer.statusCode]).toEqual([url, status]);
    expect(answer.json().errors).toEqual([{ field: 'asOf', message: expect.stringContaining(message) }]);
  }
});

test('what depends on now takes the instant asked about', async () => {
  const { days, to } = (await get('/api/production?asOf=2026-11-01T12:00:00Z')).json();
  expect([days, to]).toEqual([[], '2026-11-01']);
});

const withAsOf = (url: string, asOf: string) => `${url}${url.includes('?') ? '&' : '?'}asOf=${asOf}`;
const get = (url: string) => app.inject({ url, headers: { authorization } });

async function answersOf(change: (url: string) => string): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const url of urls) {
    const answer = await get(change(url));
    const { correlationId, instance, ...body } = answer.json();
    answers[url] = [answer.statusCode, body];
  }
  return answers;
}

async function record(facts: readonly PlantFact[]): Promise<Position> {
  let last: Position = 'PLANT:0';
  for (const { entity, id, fact } of facts) {
    const key = `${entity} ${id}`;
    const time = new Date(day).toISOString();
    const commandId = `test-${lasts.get('count') ?? 0}`;
    lasts.set('count', (lasts.get('count') ?? 0) + 1);
    const caused = { actor: 'account:tester', correlationId: 'test', time } as const;
    const command: Command = { id: commandId, type: 'Test', data: null, ...caused };
    const change = { aggregate: { site: 'main', entity, id }, after: lasts.get(key) ?? 0, events: [fact] };
    const appended = await store.append([change], command);
    if ('conflict' in appended) throw new Error(`conflict at ${key}`);
    last = appended.position;
    lasts.set(key, parsePosition(last).sequence);
  }
  return last;
}

async function recordReadings(part: number): Promise<Position> {
  let last = 0;
  for (let index = 0; index < 6; index++) {
    const observedAt = new Date(day + (40 * part + 3 * index) * 60_000).toISOString();
    const body = Buffer.from(JSON.stringify({ observedAt, values: { torque: 10 * part + index }, outside: {} }));
    last = (await publisherOf(nc).publish(`telemetry.main.pump${1 + (index % 2)}`, body, '')).sequence;
  }
  return `TELEMETRY:${last}`;
}
