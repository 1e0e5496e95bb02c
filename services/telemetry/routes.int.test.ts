import { jetstreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import type { Role } from '@stratum/contracts/account/account.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { header, publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { refuse } from '@stratum/infra/event-store/refused.ts';
import { openStore, type Store } from '@stratum/infra/event-store/store.ts';
import { bucket, ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openTelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import { answersIn } from '@stratum/infra/http/idempotency.ts';
import type { App } from '@stratum/infra/http/routes.ts';
import { openLog } from '@stratum/infra/log.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { startProxy } from '@stratum/infra/testing/proxy.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogueTwins, seedTwins } from '../twin/seed.ts';
import { twinRoutes } from '../twin/twin.routes.ts';
import { recordPosted } from './posted.gateway.ts';
import { telemetryRoutes } from './telemetry.routes.ts';

let server: TestNats;
let nc: Awaited<ReturnType<typeof connectNats>>;
let store: Store;
let app: App;
const now = () => new Date();

beforeAll(async () => {
  server = await startNats();
  nc = await connectNats(server.url, { name: 'test' });
  await ensureStreams(nc);
  store = openStore(nc);
  await seedTwins({ store, now });
  const logger = openLog('test', 'silent');
  app = await createApp({
    logger,
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
    answers: answersIn(await bucket(nc, 'idempotency')),
  });
  await mount(app, twinRoutes, { store, nc });
  await mount(app, telemetryRoutes, { nc, now, logger });
  await app.ready();
});
afterAll(async () => {
  await app?.close();
  await nc?.close();
  await server?.[Symbol.asyncDispose]();
});

const headersOf = (role: Role, key?: string) => ({
  authorization: `Bearer ${app.jwt.sign({ sub: 'a1', email: 'a@stratum.local', name: 'A', role })}`,
  ...(key === undefined ? {} : { 'idempotency-key': key }),
});
const post = (url: string, payload: object, key?: string, role: Role = 'operator') =>
  app.inject({ method: 'POST', url, headers: headersOf(role, key), payload });
const telemetry = (payload: object, key?: string) => post('/api/telemetry', payload, key);
const recorded = async (twinId: string) =>
  (await readSubject(publisherOf(nc), 'TELEMETRY', `telemetry.main.${twinId}`, 0)).map(
    ({ data }) => JSON.parse(Buffer.from(data).toString()) as { values: Record<string, number>; outside: object },
  );

describe('POST /api/telemetry', () => {
  test('records one reading or many, each twin in order, and answers where the last is', async () => {
    const one = await telemetry({ twinId: 'drillrig1', values: { torque: 151 } });
    expect(one.statusCode).toBe(201);
    const observedAt = '2026-01-01T00:00:00Z';
    const readings = [1, 2, 3].flatMap((number) => [
      { twinId: 'retail1', observedAt, values: { sales: 200 + number } },
      { twinId: 'turbine1', observedAt, values: { pressure: 20 + number } },
    ]);
    const many = await telemetry({ readings });
    expect(many.json()).toEqual({ accepted: 6, position: `TELEMETRY:${(await lastSequence(nc, 'TELEMETRY')).last}` });
    expect(await recorded('drillrig1')).toMatchObject([{ values: { torque: 151 }, outside: { torque: 'high' } }]);
    expect((await recorded('retail1')).map(({ values }) => values.sales)).toEqual([201, 202, 203]);
    expect((await recorded('turbine1')).map(({ values }) => values.pressure)).toEqual([21, 22, 23]);
  });

  test('records nothing if anything is wrong, and names every field that is', async () => {
    const { last } = await lastSequence(nc, 'TELEMETRY');
    const good = { twinId: 'pipeline1', values: { pressure: 20 } };
    const answer = await telemetry({
      readings: [
        good,
        { ...good, twinId: 'pipeline9' },
        { ...good, observedAt: '2999-01-01T00:00:00Z' },
        { ...good, values: { pressure: 20, torque: 1 } },
      ],
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toEqual([
      { field: 'readings.1.twinId', message: 'pipeline9 is no twin in service' },
      { field: 'readings.2.observedAt', message: expect.stringContaining('in the future') },
      { field: 'readings.3.values.torque', message: 'is not a parameter of pipeline1' },
    ]);
    const single = await telemetry({ twinId: 'pipeline1', values: { torque: 1 } });
    expect(single.json().errors).toMatchObject([{ field: 'values.torque' }]);
    const shape = await telemetry({ readings: [good, good, good, { ...good, values: { pressure: 'high' } }] });
    expect(shape.json().errors).toEqual([{ field: 'readings.3.values.pressure', message: 'must be a number' }]);
    expect((await lastSequence(nc, 'TELEMETRY')).last).toBe(last);
  });

  test('with an Idempotency-Key does nothing a second time', async () => {
    const readings = [1, 2, 3].map((number) => ({ twinId: 'wellhead1', values: { pressure: 20 + number } }));
    const first = await telemetry({ readings }, 'key-1');
    await telemetry({ twinId: 'wellhead1', values: { pressure: 50 } });
    const second = await telemetry({ readings }, 'key-1');
    expect(second.json()).toEqual(first.json());
    expect((await recorded('wellhead1')).map(({ values }) => values.pressure)).toEqual([21, 22, 23, 50]);
  });

  test('needs the right to write', async () => {
    const answer = await post('/api/telemetry', { twinId: 'drillrig1', values: { torque: 1 } }, undefined, 'user');
    expect(answer.statusCode).toBe(403);
  });
});

test('a request that broke off adds the rest when it comes again, however much came between', async () => {
  const log = await openTelemetryLog(nc);
  const reading = (temperature: number) => ({
    site: 'main',
    twinId: 'refinery1',
    reading: { observedAt: '2026-01-01T00:00:00.000Z', values: { temperature }, outside: {} },
  });
  const readings = [60, 61, 62, 63].map(reading);
  let calls = 0;
  const breaksOff = { append: (one: Parameters<typeof log.append>[0]) => (calls++ < 2 ? log.append(one) : fail()) };
  const batch = { id: 'broken-off', isNamed: true, readings };
  await expect(recordPosted(nc, breaksOff, batch)).rejects.toThrow('power cut');
  await brokerForgetsIds();
  await recordPosted(nc, log, { id: 'another', isNamed: false, readings: [reading(70)] });
  const position = await recordPosted(nc, log, batch);
  expect((await recorded('refinery1')).map(({ values }) => values.temperature)).toEqual([60, 61, 70, 62, 63]);
  expect(await recordPosted(nc, log, batch)).toBe(position);
  expect(await recorded('refinery1')).toHaveLength(5);
});

test('a request that comes again is looked for page by page, no further than it was recorded, and few twins at once', async () => {
  const log = await openTelemetryLog(nc);
  const twins = Array.from({ length: 24 }, (_, n) => `well-${n}`);
  const reading = (twinId: string, temperature: number) => ({
    site: 'main',
    twinId,
    reading: { observedAt: '2026-01-01T00:00:00.000Z', values: { temperature }, outside: {} },
  });
  const batch = { id: 'long-ago', isNamed: true, readings: twins.map((twinId) => reading(twinId, 60)) };
  const position = await recordPosted(nc, log, batch);
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 500 }, (_, n) => log.append(reading('well-0', n))));
  }

  // The questions and the words at the end of each answer, in the order in which the server has them.
  let asked = 0;
  let underWay = 0;
  let underWayMax = 0;
  const observer = await connectNats(server.url, { name: 'observer' });
  observer.subscribe('$JS.API.DIRECT.GET.TELEMETRY', {
    callback: () => {
      asked += 1;
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
    },
  });
  observer.subscribe('_INBOX.>', {
    callback: (_error, { headers }) => {
      if (headers?.get('Nats-Num-Pending') !== undefined && headers.code === 204) underWay -= 1;
    },
  });
  await observer.flush();
  expect(await recordPosted(nc, log, batch)).toBe(position);
  await observer.flush();
  expect(asked).toBe(24);
  // One more may be heard asking before the end of the answer that it waited for.
  expect(underWayMax).toBeLessThanOrEqual(12);
  await observer.close();
});

test('of two equal requests at once, both broken off, the later does not forget what the earlier recorded', async () => {
  await using proxy = await startProxy(Number(new URL(server.url).port));
  const slow = await connectNats(`nats://127.0.0.1:${proxy.port}`, { name: 'slow' });
  const log = await openTelemetryLog(nc);
  const reading = (temperature: number) => ({
    site: 'main',
    twinId: 'refinery2',
    reading: { observedAt: '2026-01-01T00:00:00.000Z', values: { temperature }, outside: {} },
  });
  const batch = { id: 'twice-at-once', isNamed: true, readings: [60, 61, 62, 63].map(reading) };
  // The slow one has asked whether the request came before, and hears the answer only when the other has recorded something.
  const asked = Promise.withResolvers<void>();
  nc.subscribe(`$JS.API.DIRECT.GET.KV_idempotency.$KV.idempotency.telemetry.${batch.id}`, {
    max: 1,
    callback: () => asked.resolve(),
  });
  await bucket(slow, 'idempotency');
  await nc.flush();
  proxy.delay(200, 'toClient');
  const later = recordPosted(slow, { append: async () => fail() }, batch);
  await asked.promise;
  proxy.pause('toClient');
  let calls = 0;
  const breaksOff = { append: (one: Parameters<typeof log.append>[0]) => (calls++ < 2 ? log.append(one) : fail()) };
  await expect(recordPosted(nc, breaksOff, batch)).rejects.toThrow('power cut');
  proxy.resume();
  await expect(later).rejects.toThrow('power cut');

  await brokerForgetsIds();
  await recordPosted(nc, log, { id: 'yet-another', isNamed: false, readings: [reading(70)] });
  await recordPosted(nc, log, batch);
  expect((await recorded('refinery2')).map(({ values }) => values.temperature)).toEqual([60, 61, 70, 62, 63]);
  await slow.close();
});

test('a twin of a new type is commissioned and given limits by commands, and takes readings at once', async () => {
  const [rig] = catalogueTwins;
  const pump = { ...rig, twinId: 'pump1', name: 'Pump', twinType: 'pump', valueStream: 'Other' };
  expect((await post('/api/twins', pump)).statusCode).toBe(403);
  const commissioned = await post('/api/twins', pump, undefined, 'admin');
  expect(commissioned.json()).toEqual({ id: 'pump1', position: expect.stringMatching(/^PLANT:\d+$/) });
  expect((await telemetry({ twinId: 'pump1', values: { torque: 149 } })).statusCode).toBe(201);

  const wrong = { parameter: 'torque', limits: { low: 90, high: 80 }, reason: 'worn bit' };
  expect((await post('/api/twins/pump1/limits', wrong)).json().errors).toMatchObject([{ field: 'limits.high' }, {}]);
  const limits = { ...wrong, limits: { low: 60, high: 80 } };
  expect((await post('/api/twins/pump1/limits', limits, undefined, 'user')).statusCode).toBe(403);
  expect((await post('/api/twins/pump1/limits', limits)).json()).toMatchObject({ id: 'pump1' });
  expect((await post('/api/twins/pump9/limits', limits)).json()).toMatchObject({
    status: 404,
    detail: 'There is no twin pump9.',
  });
  const elsewhere = await post('/api/twins', { ...pump, site: 'north' }, undefined, 'admin');
  expect(elsewhere.json()).toMatchObject({
    status: 409,
    code: 'TwinAlreadyCommissioned',
    errors: [{ field: 'twinId' }],
  });
  expect(await store.read({ site: 'north', entity: 'twin', id: 'pump1' })).toEqual([]);
  expect((await telemetry({ twinId: 'pump1', values: { torque: 70 } })).statusCode).toBe(201);
  expect(await recorded('pump1')).toHaveLength(2);
  expect((await post('/api/twins', { ...pump, twinType: 'fan' }, undefined, 'admin')).json()).toMatchObject({
    status: 409,
    code: 'TwinAlreadyCommissioned',
    errors: [{ field: 'twinId' }],
  });
  expect(await store.read({ site: 'main', entity: 'twin', id: 'pump1' })).toHaveLength(2);
});

test('GET /api/refusals lists what was refused, newest first, page by page, and counts by reason', async () => {
  for (let sequence = 1; sequence <= 5; sequence++) {
    const reason = sequence === 3 ? 'NotJson' : 'UnknownTwin';
    const body = Buffer.from('{"torque":1}');
    await refuse(nc, { source: `DEVICES:${sequence}`, subject: 'twins.x.telemetry', reason, detail: 'no', body });
  }
  const get = (query: string, role: Role = 'auditor') =>
    app.inject({ method: 'GET', url: `/api/refusals?${query}`, headers: headersOf(role) });
  const first = (await get('limit=3')).json();
  expect(first.refusals.map(({ source }: { source: string }) => source)).toEqual([
    'DEVICES:5',
    'DEVICES:4',
    'DEVICES:3',
  ]);
  expect(first.counts).toMatchObject({ UnknownTwin: 4, NotJson: 1, TooLarge: 0 });
  const second = (await get(`limit=3&before=${first.next}`)).json();
  expect(second.refusals.map(({ source }: { source: string }) => source)).toEqual(['DEVICES:2', 'DEVICES:1']);
  expect(second.next).toBeNull();
  expect((await get('before=12')).json().errors).toMatchObject([{ field: 'before' }]);
  expect((await get('', 'user')).statusCode).toBe(403);
});

/** Makes the broker remember message ids for 0.1 s instead of two minutes, and waits until it has forgotten one. */
async function brokerForgetsIds(): Promise<void> {
  const manager = await jetstreamManager(nc);
  await manager.streams.update('TELEMETRY', { duplicate_window: nanos(100) });
  const publish = () =>
    publisherOf(nc).publish('telemetry.main.probe', Buffer.from('{}'), header('Nats-Msg-Id', 'probe'));
  await publish();
  await waitFor(async () => !(await publish()).isDuplicate, { what: 'the broker to forget an id' });
}

function fail(): never {
  throw new Error('power cut');
}
