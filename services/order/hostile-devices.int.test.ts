import { jobIdOf } from '@stratum/contracts/job/job.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPlant, type TestPlant } from './production.fixture.ts';

let plant: TestPlant;
beforeAll(async () => {
  plant = await startTestPlant();
  await plant.startWorker();
  await plant.commission('shopfloor1', 100);
});
afterAll(() => plant?.[Symbol.asyncDispose]());

/** Publishes as any device could; resolves when the broker has taken it or has thrown the device out. */
async function publish(topic: string, body: string, options: mqtt.IClientPublishOptions = { qos: 1 }): Promise<void> {
  const client = await mqtt.connectAsync(plant.server.mqttUrl, { protocolVersion: 4, reconnectPeriod: 0 });
  const thrownOut = new Promise<void>((resolve) => client.once('close', () => resolve()));
  await Promise.race([client.publishAsync(topic, body, options), thrownOut]);
  await client.endAsync(true);
}

/** Connects with a last will and breaks off, so that the broker carries it out. */
async function leaveWill(topic: string): Promise<void> {
  const will = { topic, payload: Buffer.from('{}'), qos: 1 as const, retain: false };
  const options = { protocolVersion: 4, reconnectPeriod: 0, will } as const;
  const client = await mqtt.connectAsync(plant.server.mqttUrl, options, false).catch(() => undefined);
  client?.stream.destroy();
  await client?.endAsync(true);
}

const made = { produced: 10, defective: 0, timestamp: '2025-10-01T10:30:00Z' };
const nobody = '1'.repeat(64);
const depth = 400_000;

test('nothing that a device can send keeps the reports of others from being taken', async () => {
  await publish(
    `shopfloor/${nobody}/reports`,
    JSON.stringify({ orderId: 'ORD-0000000001', shopfloorId: nobody, ...made }),
  );
  await publish(`shopfloor/${nobody}/heartbeat`, '{}');
  await publish('shopfloor/1/heartbeat', '['.repeat(depth) + ']'.repeat(depth));
  for (const id of ['é', 'a\tb', 'a\nb', 'a\r\nb', 'a.b', '__proto__', '']) {
    await publish(`shopfloor/${id}/heartbeat`, '{}');
    await publish(`shopfloor/${id}/reports`, JSON.stringify({ orderId: 'ORD-0000000001', shopfloorId: id, ...made }));
  }
  await publish('shopfloor/1/reports', `{"orderId":"ORD-0000000001","__proto__":{"shopfloorId":"1"}}`);

  await publish('shopfloor/1/heartbeat', '{}');
  await plant.waitForEvent('shopfloor', 'shopfloor1', 'ShopfloorReturned');
  const orderId = await plant.placeOrder('1', 10);
  await plant.waitForEvent('job', jobIdOf(orderId, 'shopfloor1'), 'JobDispatched');
  await publish('shopfloor/1/reports', JSON.stringify({ orderId, shopfloorId: '1', ...made }));
  await plant.waitForEvent('order', orderId, 'OrderCompleted');
}, 60_000);

test('a device reaches what devices have to do with, and nothing else', async () => {
  const bounds = async () =>
    Promise.all((['PLANT', 'TELEMETRY', 'REFUSED'] as const).map((name) => lastSequence(plant.nc, name)));
  const before = await bounds();
  await plant.nc.flush();
  const heard: string[] = [];
  plant.nc.subscribe('>', { callback: (_error, { subject }) => void heard.push(subject) });
  const forbidden = [
    'plant/main/order/ORD-0000000009',
    'telemetry/main/drillrig1',
    'refused/NotJson/DEVICES/a/1',
    'live/orders/ORD-0000000009',
    'projector/begun/PLANT',
    '$JS/API/STREAM/DELETE/TELEMETRY',
    '$KV/accounts/bm9ib2R5',
  ];
  for (const topic of forbidden) {
    for (const qos of [0, 1, 2] as const) await publish(topic, '{}', { qos, retain: qos === 1 });
    await leaveWill(topic);
  }
  const asProgram = mqtt.connectAsync(
    plant.server.mqttUrl,
    { protocolVersion: 4, username: 'program', password: '', reconnectPeriod: 0 },
    false,
  );
  await expect(asProgram).rejects.toThrow('Not authorized');
  expect(await bounds()).toEqual(before);
  expect(heard.filter((subject) => forbidden.includes(subject.replaceAll('.', '/')))).toEqual([]);
}, 60_000);
