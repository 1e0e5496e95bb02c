import type { Role } from '@stratum/contracts/account/account.ts';
import { type AlertEvent, alertIdOf, occurrenceIdOf } from '@stratum/contracts/alert/alert.ts';
import { instructionTopic, SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import { answersIn } from '@stratum/infra/http/idempotency.ts';
import type { App } from '@stratum/infra/http/routes.ts';
import { type Projector, runProjector } from '@stratum/infra/projector/projector.ts';
import { openReadModels } from '@stratum/infra/projector/read-models.ts';
import { rebuildAndCompare } from '@stratum/infra/projector/rebuild.ts';
import { type FreshDatabase, freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { alertOccurrences } from '@stratum/projections/alerts/alert-occurrences.ts';
import { alertsRoutes } from '@stratum/projections/alerts/alerts.routes.ts';
import { alerts } from '@stratum/projections/alerts/alerts.ts';
import { ordersRoutes } from '@stratum/projections/orders/orders.routes.ts';
import { orders } from '@stratum/projections/orders/orders.ts';
import { workRoutes } from '@stratum/projections/orders/work.routes.ts';
import { productionRoutes } from '@stratum/projections/production-days/production-days.routes.ts';
import { productionDays } from '@stratum/projections/production-days/production-days.ts';
import { reportsRoutes } from '@stratum/projections/reports/reports.routes.ts';
import { reports } from '@stratum/projections/reports/reports.ts';
import { shopfloorsRoutes } from '@stratum/projections/shopfloors/shopfloors.routes.ts';
import { shopfloors } from '@stratum/projections/shopfloors/shopfloors.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jobRoutes } from '../job/job.routes.ts';
import { shopfloorRoutes } from '../shopfloor/shopfloor.routes.ts';
import { orderRoutes } from './order.routes.ts';
import { type MqttPeer, mqttPeer, startTestPlant, type TestPlant } from './production.fixture.ts';

const projections = [alerts, alertOccurrences, orders, reports, shopfloors, productionDays];
const logger = pino({ level: 'silent' });

let plant: TestPlant;
let fresh: FreshDatabase;
let projector: Projector;
let readModels: ReturnType<typeof openReadModels>;
let app: App;
let floor1: MqttPeer;
const ending = new AbortController();

beforeAll(async () => {
  plant = await startTestPlant();
  fresh = await freshDatabase();
  const { nc, store } = plant;
  const database = fresh.db;
  projector = runProjector({ projections, nc, database, signal: ending.signal, logger });
  readModels = openReadModels(database, nc);
  app = await createApp({
    logger,
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
    answers: answersIn(await bucket(nc, 'idempotency')),
  });
  const deps = { nc, store, readModels, database, now: () => new Date(), logger };
  for (const routes of [orderRoutes, jobRoutes, shopfloorRoutes, alertsRoutes, ordersRoutes, workRoutes]) {
    await mount(app, routes, deps);
  }
  for (const routes of [reportsRoutes, shopfloorsRoutes, productionRoutes]) await mount(app, routes, deps);
  await app.ready();
  await plant.startWorker();
  floor1 = await mqttPeer(plant.server.mqttUrl, instructionTopic('shopfloor1'));
});
afterAll(async () => {
  await floor1?.[Symbol.asyncDispose]();
  await app?.close();
  readModels?.[Symbol.dispose]();
  ending.abort();
  await projector?.stopped;
  await fresh?.[Symbol.asyncDispose]();
  await plant?.[Symbol.asyncDispose]();
});

type Call = { as?: Role; floor?: string; key?: string; body?: object };

async function call(method: 'GET' | 'POST', url: string, { as = 'admin', floor, key, body }: Call = {}) {
  const user = { email: `${as}@stratum.local`, name: as, role: as };
  const token = app.jwt.sign({ ...user, ...(floor === undefined ? {} : { shopfloorId: floor }), sub: as });
  const answer = await app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${token}`, ...(key === undefined ? {} : { 'idempotency-key': key }) },
    ...(body === undefined ? {} : { payload: body }),
  });
  return { status: answer.statusCode, body: answer.json() };
}
const get = (url: string, options?: Call) => call('GET', url, options);
const post = (url: string, body: object, options?: Call) => call('POST', url, { ...options, body });

const floorBody = (shopfloorId: string, capacityPerHour: number) => ({
  shopfloorId,
  name: shopfloorId,
  capacityPerHour,
});
const wanted = { description: 'Cola Bottles 500ml', quantity: 3000, material: 'PET Plastic' };

test('a shopfloor is commissioned and its capacity set, by those who may', async () => {
  expect((await post('/api/shopfloors', floorBody('1', 120), { as: 'erp-owner' })).status).toBe(403);
  const commissioned = await post('/api/shopfloors', floorBody('1', 120), { as: 'mes-manager' });
  expect(commissioned).toMatchObject({ status: 201, body: { id: 'shopfloor1' } });
  const { body: second } = await post('/api/shopfloors', floorBody('shopfloor2', 80));
  expect(await post('/api/shopfloors', floorBody('shopfloor2', 90))).toMatchObject({
    status: 409,
    body: { code: 'ShopfloorAlreadyCommissioned', errors: [{ field: 'shopfloorId' }] },
  });
  expect(await post('/api/shopfloors/9/capacity', { capacityPerHour: 1 })).toMatchObject({ status: 404 });
  expect(await post('/api/shopfloors/1/capacity', { capacityPerHour: -1 })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'capacityPerHour' }] },
  });
  const { body: set } = await post('/api/shopfloors/1/capacity', { capacityPerHour: 160 });
  expect(set.id).toBe('shopfloor1');
  const { body } = await get(`/api/shopfloors?after=${set.position}`, { as: 'auditor' });
  expect(body.shopfloors).toMatchObject([
    { shopfloor: { _id: 'shopfloor1', capacityPerHour: 160, isLive: false, openJobs: 0 }, lastSeenAt: null },
    { shopfloor: { _id: 'shopfloor2', capacityPerHour: 80 }, lastSeenAt: null },
  ]);
  expect(second.position).toMatch(/^PLANT:\d+$/);
});

let orderId: string;

test('an order is placed once by its Idempotency-Key, by those who may', async () => {
  await floor1.publish('shopfloor/1/heartbeat', '{}');
  await floor1.publish('shopfloor/2/heartbeat', '{}');
  for (const id of ['shopfloor1', 'shopfloor2']) await plant.waitForEvent('shopfloor', id, 'ShopfloorReturned');

  for (const as of ['operator', 'mes-manager'] as const) {
    expect((await post('/api/orders', wanted, { as })).status).toBe(403);
  }
  expect(await post('/api/orders', { ...wanted, quantity: 0, material: ' ' })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'quantity' }, { field: 'material', message: 'must not be empty' }] },
  });
  const placed = await post('/api/orders', wanted, { as: 'erp-owner', key: 'order-1' });
  expect(placed.status).toBe(201);
  orderId = placed.body.id;
  expect(orderId).toMatch(/^ORD-[0-9A-HJKMNP-TV-Z]{12}$/);
  expect((await post('/api/orders', wanted, { as: 'erp-owner', key: 'order-1' })).body).toEqual(placed.body);
  const { body: other } = await post('/api/orders', wanted, { as: 'erp-owner', key: 'order-2' });
  expect(other.id).not.toBe(orderId);
  expect((await get(`/api/orders?after=${other.position}`)).body.orders).toMatchObject([
    { _id: other.id },
    { _id: orderId },
  ]);
});

test('an order is shown with its jobs, and with its life as it happened', async () => {
  const dispatched = await plant.waitForEvent('job', `${orderId}_shopfloor2`, 'JobDispatched');
  await plant.waitForEvent('job', `${orderId}_shopfloor1`, 'JobDispatched');
  const { position } = dispatched.recorded;
  const view = async () => (await get(`/api/orders/${orderId}?after=${position}`, { as: 'erp-owner' })).body;
  const { order, timeline } = await waitFor(
    async () => {
      const body = await view();
      return body.order.jobs.every((job: { state: string }) => job.state === 'Dispatched') && body;
    },
    { what: 'both jobs to be shown as dispatched' },
  );
  expect(order).toMatchObject({
    _id: orderId,
    state: 'Dispatched',
    placedBy: 'account:erp-owner',
    jobs: [
      { shopfloorId: 'shopfloor1', quantity: 2000 },
      { shopfloorId: 'shopfloor2', quantity: 1000 },
    ],
  });
  const types = timeline.map(({ type }: { type: string }) => type);
  expect(types.slice(0, 2)).toEqual(['OrderPlaced', 'OrderDistributed']);
  expect(types.slice(2).toSorted()).toEqual(['JobDispatched', 'JobDispatched', 'JobReleased', 'JobReleased']);
  expect((await get('/api/orders/ORD-0000000000')).status).toBe(404);
  expect((await get('/api/orders/nonsense')).status).toBe(400);
});

test('a shopfloor user sees and reports the work of their own floor only', async () => {
  const own = { as: 'shopfloor-user', floor: 'shopfloor1' } as const;
  const work = await get('/api/work', own);
  expect(work.body).toMatchObject({ shopfloorId: 'shopfloor1', completed: [] });
  expect(work.body.open).toHaveLength(2);
  expect((await get('/api/work?shopfloorId=2', own)).status).toBe(403);
  expect((await get('/api/work', { as: 'mes-manager' })).status).toBe(400);
  expect((await get('/api/work?shopfloorId=2', { as: 'mes-manager' })).body.open).toHaveLength(2);

  const report = {
    orderId,
    shopfloorId: 'shopfloor1',
    produced: 1500,
    defective: 20,
    timestamp: '2026-10-24T10:00:00Z',
  };
  expect(await post('/api/reports', { ...report, shopfloorId: 'shopfloor2' }, own)).toMatchObject({
    status: 403,
    body: { code: 'NotYourShopfloor' },
  });
  expect((await post('/api/reports', report, own)).status).toBe(201);
  // The same over MQTT counts no second time.
  await floor1.publish('shopfloor/1/reports', JSON.stringify(report));
  const rest = { ...report, produced: 480, defective: 0, timestamp: '2026-10-25T10:00:00Z' };
  const { body: last } = await post('/api/reports', { ...rest, shopfloorId: '1' }, own);
  expect((await get(`/api/work?after=${last.position}`, own)).body).toMatchObject({
    open: [{}],
    completed: [{ orderId, good: 1980, defective: 20, state: 'Completed', completedAt: '2026-10-25T10:00:00Z' }],
  });
  expect(await post('/api/reports', { ...rest, produced: 1 }, own)).toMatchObject({
    status: 409,
    body: { code: 'JobCompleted' },
  });
});

test('reports are listed, page by page, and add up to production days', async () => {
  await floor1.publish(
    'shopfloor/shopfloor2/reports',
    JSON.stringify({ orderId, shopfloorId: '2', produced: 990, defective: 10, timestamp: '2026-10-25T12:00:00Z' }),
  );
  const completed = await plant.waitForEvent('order', orderId, 'OrderCompleted');
  expect(completed.data).toMatchObject({ good: 2970, defective: 30 });
  const after = `after=${completed.recorded.position}`;

  const first = (await get(`/api/reports?limit=2&${after}`, { as: 'erp-owner' })).body;
  expect(first.reports).toMatchObject([
    { shopfloorId: 'shopfloor2', produced: 990, by: 'shopfloor:shopfloor2', jobCompleted: true },
    { shopfloorId: 'shopfloor1', produced: 480, by: 'account:shopfloor-user' },
  ]);
  const rest = (await get(`/api/reports?limit=2&before=${first.next}`)).body;
  expect(rest).toMatchObject({ reports: [{ produced: 1500 }], next: null });
  expect((await get(`/api/reports/${orderId}?shopfloorId=2`)).body.reports).toHaveLength(1);
  const own = { as: 'shopfloor-user', floor: 'shopfloor2' } as const;
  expect((await get('/api/reports', own)).body.reports).toHaveLength(1);
  expect((await get('/api/reports?shopfloorId=1', own)).status).toBe(403);
  expect((await get('/api/reports', { as: 'operator' })).status).toBe(403);

  const { body } = await get(`/api/production?from=2026-10-24&to=2026-10-25&${after}`, { as: 'mes-manager' });
  expect(body.days).toMatchObject([
    { day: '2026-10-24', shopfloorId: 'shopfloor1', good: 1500, defective: 20, jobsCompleted: 0 },
    { day: '2026-10-25', shopfloorId: 'shopfloor1', good: 480, defective: 0, jobsCompleted: 1, jobsOnTime: 1 },
    { day: '2026-10-25', shopfloorId: 'shopfloor2', good: 990, defective: 10, jobsCompleted: 1 },
  ]);
  expect((await get('/api/production?from=2026-10-25&to=2026-10-24')).body.errors).toMatchObject([{ field: 'from' }]);
  expect((await get('/api/production')).status).toBe(200);

  const finished = (await get(`/api/orders?state=Completed&${after}`)).body;
  expect(finished.orders).toMatchObject([{ _id: orderId, state: 'Completed', good: 2970, onTime: true }]);
  const newest = (await get('/api/orders?limit=1')).body;
  expect((await get(`/api/orders?limit=1&before=${newest.next}`)).body.orders).toMatchObject([{ _id: orderId }]);
  const floors = (await get(`/api/shopfloors?${after}`)).body.shopfloors;
  expect(floors[0]).toMatchObject({ shopfloor: { isLive: true, openJobs: 1, good: 1980 } });
  expect(floors[0].lastSeenAt).toMatch(/^2\d{3}-/);
});

test('alerts are listed as active, returned, high-risk, persistent and latest', async () => {
  const raise = (minute: number, priority: 1 | 2) => {
    const wear = { twinId: 'turbine1', parameter: `vibration${minute}`, direction: 'high' } as const;
    const alertId = alertIdOf(wear.twinId, wear.parameter, wear.direction);
    const raisedAt = new Date(Date.UTC(2026, 10, 24, 20, minute)).toISOString();
    const key = { ...wear, alertId, occurrenceId: occurrenceIdOf(raisedAt, alertId) };
    const measured = { value: 101, limit: 100, unit: 'mm/s', readingPosition: 'TELEMETRY:1' };
    return { key, raised: { type: 'AlertRaised', data: { ...key, priority, ...measured, raisedAt } } as AlertEvent };
  };
  const record = async (alertId: string, ...events: AlertEvent[]) => {
    const aggregate = { site: SITE_DEFAULT, entity: 'alert', id: alertId } as const;
    const caller = { actor: 'reactor:alert', correlationId: 'c', time: '2026-10-24T20:00:00Z', data: {} } as const;
    const command = { id: `alert-${alertId}`, type: 'Test', ...caller };
    const recorded = await plant.store.append([{ aggregate, after: 0, events }], command);
    return 'position' in recorded ? recorded.position : 'conflict';
  };
  let position: string = 'conflict';
  for (let minute = 0; minute < 20; minute += 1) {
    const { key, raised } = raise(minute, minute === 5 ? 1 : 2);
    const persisted: AlertEvent = {
      type: 'AlertPersisted',
      data: { ...key, persistedAt: '2026-10-24T20:30:00Z', windowSeconds: 300, readingPosition: null },
    };
    const acknowledged: AlertEvent = {
      type: 'AlertAcknowledged',
      data: { ...key, acknowledgedBy: 'Olga', acknowledgedAt: '2026-10-24T20:31:00Z' },
    };
    const cleared: AlertEvent = {
      type: 'AlertCleared',
      data: { ...key, value: 9, clearedAt: '2026-10-24T20:32:00Z', peak: 102, readingPosition: 'TELEMETRY:2' },
    };
    const more =
      minute === 6
        ? [persisted]
        : minute === 7
          ? [persisted, acknowledged, cleared]
          : minute === 8
            ? [persisted, cleared]
            : [];
    position = await record(key.alertId, raised, ...more);
  }
  const { body } = await get(`/api/alerts?after=${position}`, { as: 'user' });
  expect(body.active).toHaveLength(18);
  expect(body.returned).toMatchObject([{ parameter: 'vibration8', state: 'RTNUN' }]);
  expect(body.active[0].parameter).toBe('vibration19');
  expect(body.highRisk).toMatchObject([{ parameter: 'vibration5', priority: 1 }]);
  expect(body.persistent).toMatchObject([{ parameter: 'vibration6' }]);
  expect(body.latest).toHaveLength(18);
  expect(body.latest[0].parameter).toBe('vibration19');
  expect(Number(body.position.split(':')[1])).toBeGreaterThanOrEqual(Number(position.split(':')[1]));
  expect((await get('/api/alerts?twin=pump7')).body).toMatchObject({ active: [], returned: [], latest: [] });
  expect((await get('/api/alerts?state=RTNUN')).body).toMatchObject({ active: [], returned: [{ state: 'RTNUN' }] });
  expect((await get('/api/alerts?state=NORM')).body).toMatchObject({ active: [], latest: [{ state: 'NORM' }] });
  expect((await get('/api/alerts', { as: 'shopfloor-user', floor: 'shopfloor1' })).status).toBe(403);

  const page = (await get('/api/alerts/history?limit=15')).body;
  expect(page.occurrences).toHaveLength(15);
  const rest = (await get(`/api/alerts/history?limit=15&before=${encodeURIComponent(page.next)}`)).body;
  expect(rest.occurrences.map(({ parameter }: { parameter: string }) => parameter)).toEqual(
    [4, 3, 2, 1, 0].map((minute) => `vibration${minute}`),
  );
  expect(rest.next).toBeNull();
});

test('every read model, folded again from the log, comes out the same', async () => {
  const { nc } = plant;
  const onProgress = () => undefined;
  const rebuilt = await rebuildAndCompare({ projections, nc, database: fresh.db, signal: ending.signal, onProgress });
  expect(rebuilt.map(({ name }) => name)).toEqual(projections.map(({ name }) => name));
  for (const { documents, differences } of rebuilt) {
    expect(documents).toBeGreaterThan(0);
    expect(differences).toEqual([]);
  }
});
