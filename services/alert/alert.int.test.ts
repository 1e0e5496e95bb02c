import type { Position } from '@stratum/contracts/envelope.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { isConnected } from '@stratum/infra/event-store/connection-status.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import { openLog } from '@stratum/infra/log.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { expect, onTestFinished, test } from 'vitest';
import { startPlant, startReactor } from './alert.fixture.ts';
import { alertRoutes } from './alert.routes.ts';
import { type AlertCommand, alertDecider } from './alert.ts';
import { pump, readingOf } from './watch.fixture.ts';
import { createWatch } from './watch.ts';

const START_MS = Date.parse('2026-11-24T20:00:00.000Z');
const at = (second: number) => new Date(START_MS + second * 1000).toISOString();
const commissioned = (twinId: string, limits = {}) =>
  ({ type: 'TwinCommissioned', data: pump(twinId, limits) }) as const;

test('readings raise, escalate, persist and clear an alert, each fact with the reading that caused it', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1', { tripHigh: 80 }));
  const reactor = await startReactor(plant.server);
  const sequences: number[] = [];
  for (const [second, flow] of [
    [0, 50],
    [10, 61],
    [20, 81],
    [310, 70],
    [320, 60],
  ] as const) {
    sequences.push(await plant.read('pump1', at(second), flow));
  }
  await reactor.waitUntil(sequences.at(-1) ?? 0);
  const events = await plant.alerts('pump1');
  const key = {
    alertId: 'pump1_flow_high',
    twinId: 'pump1',
    parameter: 'flow',
    direction: 'high',
    occurrenceId: `${at(10)}~pump1_flow_high`,
  };
  const by = (index: number): Position => `TELEMETRY:${sequences[index]}`;
  expect(events.map(({ type, data }) => ({ type, data }))).toStrictEqual([
    {
      type: 'AlertRaised',
      data: { ...key, priority: 2, value: 61, limit: 60, unit: 'm³/h', raisedAt: at(10), readingPosition: by(1) },
    },
    {
      type: 'AlertEscalated',
      data: { ...key, priority: 1, value: 81, limit: 80, escalatedAt: at(20), readingPosition: by(2) },
    },
    { type: 'AlertPersisted', data: { ...key, persistedAt: at(310), windowSeconds: 300, readingPosition: by(3) } },
    { type: 'AlertCleared', data: { ...key, value: 60, peak: 81, clearedAt: at(320), readingPosition: by(4) } },
  ]);
  expect(events[0]?.envelope).toMatchObject({ actor: 'reactor:alert', occurredAt: at(10), correlationId: by(1) });
});

test('a twin commissioned a moment before its first reading, and changed limits, are known in time', async () => {
  const plant = await startPlant();
  const reactor = await startReactor(plant.server);
  await plant.tell(commissioned('pump1'));
  await plant.read('pump1', at(0), 61);
  const { limits } = pump('pump1', { high: 70 }).parameters[0] ?? {};
  if (limits === undefined) throw new Error('the pump has no parameter');
  const raised = () => plant.alerts('pump1').then((events) => events.length === 1);
  await waitFor(raised, { what: 'the alert to be raised' });
  await plant.tell({
    type: 'LimitsChanged',
    data: { twinId: 'pump1', parameter: 'flow', limits, reason: 'a larger pump', previous: null },
  });
  // The change is judged with a reading after it has reached the reactor, whichever that is.
  let second = 10;
  const cleared = async () => {
    await plant.read('pump1', at(second), 61);
    second += 10;
    return (await plant.alerts('pump1')).length === 2;
  };
  await waitFor(cleared, { what: 'the alert to clear' });
  await reactor.end();
  expect((await plant.alerts('pump1')).map(({ type }) => type)).toEqual(['AlertRaised', 'AlertCleared']);
});

test('two workers at once, and a server that is killed, make one occurrence per crossing', async () => {
  const plant = await startPlant();
  const twinIds = ['pump1', 'pump2', 'pump3', 'pump4'];
  const twins = twinIds.map((twinId) => commissioned(twinId, { deadband: 2, tripHigh: 80, onDelaySeconds: 20 }));
  await plant.tell(...twins);
  const workers = [await startReactor(plant.server), await startReactor(plant.server)];
  const expected = expectedOf(twins);
  const random = randomFrom(4);
  for (let index = 0; index < 400; index++) {
    const twinId = twinIds[index % twinIds.length] ?? '';
    const flow = 55 + Math.round(30 * random());
    const sequence = await plant.read(twinId, at(index * 3), flow);
    expected.read(twinId, sequence, at(index * 3), flow);
    if (index === 150 || index === 300) {
      await plant.server.kill();
      await plant.server.restart();
    }
  }
  await Promise.all(workers.map((worker) => worker.waitUntil(400)));
  for (const twinId of twinIds) {
    const events = await plant.alerts(twinId);
    expect(events.length).toBeGreaterThan(10);
    expect(events.map(({ type, data }) => [type, data.occurrenceId])).toEqual(expected.of(twinId));
  }
}, 60_000);

test('a worker that starts again goes on: the delay that ran, the worst value, what came late', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1'), commissioned('pump2', { onDelaySeconds: 30 }));
  const first = await startReactor(plant.server);
  await plant.read('pump1', at(0), 61);
  await plant.read('pump1', at(10), 99);
  await plant.read('pump2', at(10), 61);
  await first.waitUntil(await plant.read('pump1', at(100), 70));
  await first.end();
  const second = await startReactor(plant.server);
  await plant.read('pump1', at(90), 50);
  await plant.read('pump2', at(39), 61);
  await plant.read('pump2', at(40), 62);
  await second.waitUntil(await plant.read('pump1', at(110), 55));
  expect((await plant.alerts('pump1')).map(({ type, data }) => ({ type, data }))).toMatchObject([
    { type: 'AlertRaised', data: { value: 61 } },
    { type: 'AlertCleared', data: { value: 55, peak: 99, clearedAt: at(110) } },
  ]);
  expect((await plant.alerts('pump2')).map(({ type, data }) => ({ type, data }))).toMatchObject([
    { type: 'AlertRaised', data: { value: 62, raisedAt: at(40) } },
  ]);
});

test('what a start reads of the plant does not grow with what is neither twin nor alert', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1'));
  await plant.setCapacity(2_000);
  await plant.tell(commissioned('pump2'));
  const nc = await connectNats(plant.server.url, { name: 'reactor' });
  const reactor = await startReactor(plant.server, undefined, nc);
  await plant.read('pump1', at(0), 61);
  await reactor.waitUntil(await plant.read('pump2', at(0), 61));
  expect(await plant.alerts('pump1')).toHaveLength(1);
  expect(await plant.alerts('pump2')).toHaveLength(1);
  expect(nc.stats().inMsgs).toBeLessThan(1_000);
}, 30_000);

test('a worker that starts while NATS is away waits for it', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1'));
  const nc = await connectNats(plant.server.url, { name: 'reactor' });
  await plant.server.kill();
  const starting = startReactor(plant.server, undefined, nc);
  starting.catch(() => undefined);
  await waitFor(async () => !isConnected(nc), { what: 'the connection to be lost' });
  await plant.server.restart();
  const reactor = await starting;
  await reactor.waitUntil(await plant.read('pump1', at(0), 61));
  expect(await plant.alerts('pump1')).toHaveLength(1);
}, 30_000);

test('a worker that takes over long after a device fell silent knows which of its readings come late', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1'), commissioned('pump2'));
  const first = await startReactor(plant.server);
  await plant.read('pump1', at(0), 61);
  await plant.read('pump1', at(100), 99);
  await first.waitUntil(await plant.readMany('pump2', at(100), 50, 10_010));
  await first.end();
  const second = await startReactor(plant.server);
  await plant.read('pump1', at(90), 50);
  await second.waitUntil(await plant.read('pump1', at(110), 55));
  expect((await plant.alerts('pump1')).map(({ type, data }) => ({ type, data }))).toMatchObject([
    { type: 'AlertRaised', data: { raisedAt: at(0) } },
    { type: 'AlertCleared', data: { value: 55, peak: 99, clearedAt: at(110) } },
  ]);
}, 60_000);

test('an alert that stands keeps nobody waiting at a takeover, and has its worst value when its twin is heard of', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1'), commissioned('pump2'));
  const first = await startReactor(plant.server);
  await plant.read('pump1', at(0), 99);
  await plant.readMany('pump1', at(1), 61, 3_000);
  await first.waitUntil(await plant.readMany('pump2', at(0), 50, 10_010));
  await first.end();
  const nc = await connectNats(plant.server.url, { name: 'reactor' });
  const second = await startReactor(plant.server, undefined, nc);
  await second.waitUntil(await plant.read('pump2', at(20_000), 61));
  // The last 10,000 readings are looked at for their times; the 3,001 before them are those of pump1.
  expect(nc.stats().inMsgs).toBeLessThan(11_500);
  expect(await plant.alerts('pump2')).toHaveLength(1);
  await second.waitUntil(await plant.read('pump1', at(20_000), 55));
  expect((await plant.alerts('pump1')).at(-1)).toMatchObject({ type: 'AlertCleared', data: { value: 55, peak: 99 } });
}, 60_000);

test('when telemetry falls silent the clock makes an alert persistent, once', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1'), commissioned('pump2'));
  const startMs = Date.now();
  let aheadMs = 0;
  const now = () => new Date(Date.now() + aheadMs);
  const workers = [await startReactor(plant.server, now), await startReactor(plant.server, now)];
  const raisedAt = new Date(startMs).toISOString();
  await plant.read('pump1', raisedAt, 61);
  await plant.read('pump2', raisedAt, 61);
  const last = await plant.read('pump2', new Date(startMs + 1).toISOString(), 50);
  await Promise.all(workers.map((worker) => worker.waitUntil(last)));
  expect(await plant.alerts('pump1')).toHaveLength(1);
  aheadMs = 301_000;
  const events = () => plant.alerts('pump1').then((all) => all.length > 1 && all);
  expect(await waitFor(events, { what: 'the alert to be persistent' })).toMatchObject([
    { type: 'AlertRaised' },
    {
      type: 'AlertPersisted',
      data: { persistedAt: new Date(startMs + 300_000).toISOString(), readingPosition: null },
    },
  ]);
  // A reading that comes after all changes nothing about that, and neither does the other worker's clock.
  const late = await plant.read('pump1', new Date(startMs + 302_000).toISOString(), 61);
  await Promise.all(workers.map((worker) => worker.waitUntil(late)));
  await Promise.all(workers.map((worker) => worker.end()));
  expect(await plant.alerts('pump1')).toHaveLength(2);
  expect((await plant.alerts('pump2')).map(({ type }) => type)).toEqual(['AlertRaised', 'AlertCleared']);
});

test('a person acknowledges an alert by name, once; what is unknown or normal is refused with its code', async () => {
  const plant = await startPlant();
  await plant.tell(commissioned('pump1'));
  const reactor = await startReactor(plant.server);
  await reactor.waitUntil(await plant.read('pump1', at(0), 61));
  const logger = openLog('api', 'silent');
  const jwtSecret = 'a secret of at least thirty-two characters';
  const about = { title: 'Test', description: 'A test', version: '1.0.0', tags: [] };
  const app = await createApp({ logger, jwtSecret, about });
  onTestFinished(() => app.close());
  await mount(app, alertRoutes, { store: plant.store });
  await app.ready();
  const acknowledge = (id: string, role: string, payload: object = { note: 'on my way' }) => {
    const token = app.jwt.sign({ sub: 'a1', email: 'olga@plant.example', name: 'Olga', role });
    const headers = { authorization: `Bearer ${token}` };
    return app.inject({ method: 'POST', url: `/api/alerts/${id}/acknowledge`, payload, headers });
  };
  expect((await acknowledge('pump1_flow_high', 'user')).statusCode).toBe(403);
  expect((await acknowledge('pump1_flow_low', 'operator')).json()).toMatchObject({ status: 404 });
  expect((await acknowledge('pump1_flow_high', 'operator', { remark: 'x' })).json()).toMatchObject({
    status: 400,
    detail: 'remark: is not a known field',
  });
  const answer = await acknowledge('pump1_flow_high', 'operator');
  const facts = await plant.alerts('pump1');
  expect(answer.json()).toEqual({ id: 'pump1_flow_high', position: facts.at(-1)?.recorded.position });
  expect(facts.at(-1)).toMatchObject({
    type: 'AlertAcknowledged',
    data: { acknowledgedBy: 'Olga', note: 'on my way' },
    envelope: { actor: 'account:a1' },
  });
  expect((await acknowledge('pump1_flow_high', 'operator')).json()).toMatchObject({
    status: 409,
    code: 'AlreadyAcknowledged',
  });
  await reactor.waitUntil(await plant.read('pump1', at(10), 50));
  expect((await acknowledge('pump1_flow_high', 'operator')).json()).toMatchObject({
    status: 409,
    code: 'AlertNotActive',
  });
});

/** What one watch alone, over the same readings, would record of each twin. */
function expectedOf(twins: ReturnType<typeof commissioned>[]) {
  const watch = createWatch();
  const recorded = { position: 'PLANT:1', sequence: 1, recordedAt: at(0), site: 'main', entity: 'twin' } as const;
  for (const twin of twins) {
    const { envelope } = readingOf(twin.data.twinId, 1, at(0), 0);
    watch.learn({ ...twin, envelope, recorded });
  }
  const facts = new Map<string, [string, string][]>();
  const states = new Map<string, ReturnType<typeof alertDecider.evolve>>();
  return {
    of: (twinId: string) => facts.get(twinId),
    read: (...reading: Parameters<typeof readingOf>) => {
      for (const { aggregate, command } of watch.observe(readingOf(...reading))) {
        let state = states.get(aggregate.id) ?? alertDecider.initial;
        for (const event of alertDecider.decide(state, command satisfies AlertCommand)) {
          state = alertDecider.evolve(state, event);
          facts.set(reading[0], [...(facts.get(reading[0]) ?? []), [event.type, event.data.occurrenceId]]);
        }
        states.set(aggregate.id, state);
      }
    },
  };
}

/** A repeatable course of numbers in 0..1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
