import { instructionTopic } from '@stratum/contracts/subjects.ts';
import { countRefusals, listRefusals } from '@stratum/infra/event-store/refused.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { startProxy } from '@stratum/infra/testing/proxy.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mqttPeer, startTestPlant, type TestPlant, type TestWorker } from './production.fixture.ts';

/** Longer than any lease, or patience of a second worker. */
const AWAY_MS = 7_000;

let plant: TestPlant;
let worker: TestWorker;

beforeAll(async () => {
  plant = await startTestPlant();
  await plant.commission('shopfloor1', 120);
  await plant.commission('shopfloor2', 80);
  await plant.commission('shopfloor3', 100);
  worker = await plant.startWorker();
});
afterAll(async () => plant?.[Symbol.asyncDispose]());

const heartbeat = (shopfloorId: string) => JSON.stringify({ shopfloorId, timestamp: new Date().toISOString() });
const report = (orderId: string, shopfloorId: string, produced: number, defective: number, second = 0) => {
  const timestamp = new Date(Date.UTC(2026, 9, 1, 10, 30, second)).toISOString();
  return JSON.stringify({ orderId, shopfloorId, produced, defective, timestamp });
};

test('without a live shopfloor an order is held; when one returns, it gets all of it, also from a new worker', async () => {
  const orderId = await plant.placeOrder('HELD', 500);
  await plant.waitForEvent('order', orderId, 'OrderHeld');
  await worker.stop();
  worker = await plant.startWorker();
  await using peer = await mqttPeer(plant.server.mqttUrl, instructionTopic('shopfloor1'));
  await peer.publish('shopfloor/shopfloor1/heartbeat', heartbeat('shopfloor1'));
  const { data } = await plant.waitForEvent('order', orderId, 'OrderDistributed');
  expect(data.jobs).toEqual([{ jobId: `${orderId}_shopfloor1`, shopfloorId: 'shopfloor1', quantity: 500 }]);
  expect(data.capacities).toContainEqual({ shopfloorId: 'shopfloor2', capacityPerHour: 80, isLive: false });
  await waitFor(() => peer.received.length > 0, { what: 'the instruction' });
});

test('an order is split over the live floors, made by an MQTT client of its own, reported and completed', async () => {
  await using peer = await mqttPeer(plant.server.mqttUrl, instructionTopic('shopfloor1'));
  await using other = await mqttPeer(plant.server.mqttUrl, 'shopfloor/+/instructions');
  await peer.publish('shopfloor/shopfloor1/heartbeat', heartbeat('shopfloor1'));
  await other.publish('shopfloor/2/heartbeat', '"alive"');
  await plant.waitForEvent('shopfloor', 'shopfloor2', 'ShopfloorReturned');

  const orderId = await plant.placeOrder('SPLIT', 3000);
  const { data: distributed } = await plant.waitForEvent('order', orderId, 'OrderDistributed');
  expect(distributed.jobs.map(({ shopfloorId, quantity }) => [shopfloorId, quantity])).toEqual([
    ['shopfloor1', 1800],
    ['shopfloor2', 1200],
  ]);

  await waitFor(() => peer.received.length > 0, { what: 'the instruction' });
  expect(peer.received).toEqual([
    `{"orderId":"${orderId}","description":"Cola Bottles 500ml","quantity":1800,"material":"PET Plastic"}`,
  ]);
  const { data: dispatched } = await plant.waitForEvent('job', `${orderId}_shopfloor2`, 'JobDispatched');
  expect(dispatched.topic).toBe('shopfloor/2/instructions');
  await waitFor(() => other.received.some((body) => body.includes('"quantity":1200')), { what: 'the other part' });

  await peer.publish('shopfloor/shopfloor1/reports', report(orderId, 'shopfloor1', 1000, 10, 1));
  await peer.publish('shopfloor/shopfloor1/reports', report(orderId, 'shopfloor1', 1000, 10, 1));
  await peer.publish('shopfloor/1/reports', report(orderId, '1', 785, 5, 2));
  await other.publish('shopfloor/2/reports', report(orderId, 'shopfloor2', 1200, 0, 3));
  const { data: completed } = await plant.waitForEvent('order', orderId, 'OrderCompleted');
  expect(completed).toEqual({
    orderId,
    good: 2985,
    defective: 15,
    completedAt: '2026-10-01T10:30:03.000Z',
    onTime: true,
  });
  const reported = (await plant.eventsOf('job', `${orderId}_shopfloor1`)).filter(({ type }) => type === 'WorkReported');
  expect(reported).toHaveLength(2);
});

test('the capacities that people set decide the next split', async () => {
  await plant.setCapacity('shopfloor1', 10);
  await plant.setCapacity('shopfloor2', 30);
  const orderId = await plant.placeOrder('NEWSPLIT', 100);
  const { data } = await plant.waitForEvent('order', orderId, 'OrderDistributed');
  expect(data.jobs.map(({ quantity }) => quantity)).toEqual([25, 75]);
});

test('what cannot be taken is refused with the reason, once', async () => {
  await using peer = await mqttPeer(plant.server.mqttUrl, 'nobody/listens');
  const orderId = await plant.placeOrder('REFUSE', 2);
  await plant.waitForEvent('job', `${orderId}_shopfloor2`, 'JobReleased');
  await peer.publish('shopfloor/2/reports', report(orderId, 'shopfloor2', 2, 0, 1));
  await plant.waitForEvent('job', `${orderId}_shopfloor2`, 'WorkReported');

  await peer.publish('shopfloor/2/reports', 'two bottles');
  await peer.publish('shopfloor/2/reports', '{"orderId":"ORD-1234567890"}');
  await peer.publish('shopfloor/9/reports', report(orderId, 'shopfloor9', 1, 0));
  await peer.publish('shopfloor/2/reports', report('ORD-9999999999', 'shopfloor2', 1, 0));
  await peer.publish('shopfloor/2/reports', report(orderId, 'shopfloor2', 1, 0, 2));
  await peer.publish('shopfloor/9/heartbeat', '{}');
  await peer.publish('shopfloor/2/heartbeat', 'still here');
  const counted = await waitFor(
    async () => {
      const counts = await countRefusals(plant.nc);
      return Object.values(counts).reduce((sum, count) => sum + count, 0) >= 7 && counts;
    },
    { what: 'seven refusals' },
  );
  expect(counted).toMatchObject({ NotJson: 2, BadShape: 1, UnknownShopfloor: 2, UnknownOrder: 1, JobCompleted: 1 });
  const refusals = await listRefusals(plant.nc, { limit: 10 });
  expect(refusals.find(({ reason }) => reason === 'BadShape')?.detail).toMatch(/^shopfloorId: .*produced: /);
});

test('a floor that falls silent gets no work, and gets some again after its next sign of life', async () => {
  await plant.commission('brief', 1000, 1);
  await using peer = await mqttPeer(plant.server.mqttUrl, instructionTopic('brief'));
  await peer.publish('shopfloor/brief/heartbeat', '{}');
  await plant.waitForEvent('shopfloor', 'brief', 'ShopfloorReturned');
  const { data: silent } = await plant.waitForEvent('shopfloor', 'brief', 'ShopfloorWentSilent');
  expect(silent.silentAfterSeconds).toBe(3);
  const without = await plant.placeOrder('WITHOUT', 100);
  const { data } = await plant.waitForEvent('order', without, 'OrderDistributed');
  expect(data.jobs.map(({ shopfloorId }) => shopfloorId)).toEqual(['shopfloor1', 'shopfloor2']);
  expect(data.capacities).toContainEqual({ shopfloorId: 'brief', capacityPerHour: 1000, isLive: false });

  await peer.publish('shopfloor/brief/heartbeat', '{}');
  const isBack = async () => (await plant.eventsOf('shopfloor', 'brief')).at(-1)?.type === 'ShopfloorReturned';
  await waitFor(isBack, { what: 'the floor to be back' });
  const again = await plant.placeOrder('AGAIN', 1040);
  const { data: split } = await plant.waitForEvent('order', again, 'OrderDistributed');
  expect(split.jobs).toContainEqual({ jobId: `${again}_brief`, shopfloorId: 'brief', quantity: 1000 });
  await waitFor(() => peer.received.length > 0, { what: 'the instruction' });
  expect(peer.received).toHaveLength(1);
});

test('two workers send an instruction once', async () => {
  await using _second = await plant.startWorker();
  await using peer = await mqttPeer(plant.server.mqttUrl, instructionTopic('shopfloor1'));
  const orderIds = await Promise.all(['TWICEA', 'TWICEB', 'TWICEC'].map((name) => plant.placeOrder(name, 1040)));
  for (const orderId of orderIds) await plant.waitForEvent('job', `${orderId}_shopfloor1`, 'JobDispatched');
  // What came over the broker after the last instruction proves that nothing else came before it.
  await peer.publish(instructionTopic('shopfloor1'), 'the end');
  await waitFor(() => peer.received.includes('the end'), { what: 'the end' });
  expect(peer.received.map((body) => body.slice(0, 30)).toSorted()).toEqual(
    ['the end', ...orderIds.map((orderId) => `{"orderId":"${orderId}","des`.slice(0, 30))].toSorted(),
  );
});

test("two workers send an instruction once, too, when the broker is somebody else's and was away for long", async () => {
  await using foreign = await startNats({ mqtt: true });
  await using proxy = await startProxy(Number(new URL(foreign.mqttUrl).port));
  await using own = await startTestPlant();
  await own.commission('shopfloor1', 100);
  const mqttUrl = `mqtt://127.0.0.1:${proxy.port}`;
  await own.startWorker({ mqttUrl });
  await own.startWorker({ mqttUrl });
  await using peer = await mqttPeer(foreign.mqttUrl, instructionTopic('shopfloor1'));
  own.nc.publish('shopfloor.shopfloor1.heartbeat', heartbeat('shopfloor1'));
  await own.waitForEvent('shopfloor', 'shopfloor1', 'ShopfloorReturned');

  proxy.refuse();
  const orderId = await own.placeOrder('AWAY', 100);
  await own.waitForEvent('job', `${orderId}_shopfloor1`, 'JobReleased');
  const releasedAt = performance.now();
  await waitFor(() => performance.now() - releasedAt > AWAY_MS, { what: 'the broker to be away for long' });
  proxy.resume();
  await own.waitForEvent('job', `${orderId}_shopfloor1`, 'JobDispatched');
  await peer.publish(instructionTopic('shopfloor1'), 'the end');
  await waitFor(() => peer.received.includes('the end'), { what: 'the end' });
  expect(peer.received).toEqual([expect.stringContaining(orderId), 'the end']);
});

test('every part has come to the end of its stream', async () => {
  expect(worker.running.map(({ name }) => name)).toEqual(['order', 'job', 'dispatch', 'report', 'shopfloor']);
  for (const { name, position } of worker.running) {
    await waitFor(() => position() > 0, { what: `${name} to have a position` });
  }
});
