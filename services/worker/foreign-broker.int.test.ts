import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { expect, test } from 'vitest';
import { isForeignBroker } from './foreign-broker.ts';

test('the MQTT side of NATS itself is told from any other broker', async () => {
  await using ours = await startNats({ mqtt: true });
  await using another = await startNats({ mqtt: true });
  const nc = await connectNats(ours.url, { name: 'probe-test' });
  expect(await isForeignBroker(nc, ours.mqttUrl)).toBe(false);
  expect(await isForeignBroker(nc, another.mqttUrl)).toBe(true);
  await another.kill();
  await expect(isForeignBroker(nc, another.mqttUrl)).rejects.toThrow();
  await nc.close();
});
