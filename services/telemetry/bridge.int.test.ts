import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { listRefusals } from '@stratum/infra/event-store/refused.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openLog } from '@stratum/infra/log.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { bridgeGateway } from './bridge.gateway.ts';

test('what devices publish on a broker of somebody else reaches the inbox once, whatever breaks', async () => {
  await using broker = await startNats({ mqtt: true, mqttAckWaitSeconds: 1 });
  await using server = await startNats();
  const nc = await connectNats(server.url, { name: 'test' });
  await ensureStreams(nc);
  const logger = openLog('test', 'silent');
  const config = { mqttUrl: broker.mqttUrl, mqttIsForeign: true };
  const start = async () => {
    const ending = new AbortController();
    const deps = { nc, store: openStore(nc), now: () => new Date(), logger, signal: ending.signal, config };
    return { ending, gateway: await bridgeGateway(deps) };
  };
  const stored = async () =>
    (await readSubject(publisherOf(nc), 'DEVICES', 'twins.pump1.telemetry', 0).catch(() => [])).map(({ data }) =>
      Buffer.from(data).toString(),
    );

  let bridge = await start();
  const device = await mqtt.connectAsync(broker.mqttUrl, { clientId: 'pump1', clean: false });
  device.on('error', () => undefined);
  const probe = async (body: string) => {
    await device.publishAsync('twins/probe/telemetry', body, { qos: 1 });
    return (await readSubject(publisherOf(nc), 'DEVICES', 'twins.probe.telemetry', 0)).length > 0;
  };
  await waitFor(() => probe('{}'), { what: 'the bridge to carry', msMax: 30_000 });

  const sent: string[] = [];
  const send = async (count: number) => {
    for (let number = 0; number < count; number++) {
      const body = JSON.stringify({ pressure: sent.length });
      sent.push(body);
      await device.publishAsync('twins/pump1/telemetry', body, { qos: 1 });
    }
  };
  await send(200);
  // The worker ends under way, and messages come while it is away.
  bridge.ending.abort();
  await Promise.all([send(100), bridge.gateway.stopped]);
  bridge = await start();
  await send(100);
  // NATS is killed under way: nothing is acknowledged to the broker until it is back.
  await server.kill();
  await send(100);
  await server.restart();
  await waitFor(async () => (await stored()).length >= sent.length, { what: 'all to be carried', msMax: 60_000 });
  // This broker sends what was under way again after a second, so behind the rest; others do it at once.
  expect((await stored()).toSorted()).toEqual(sent.toSorted());

  await device.publishAsync('twins/pümp/telemetry', '{"pressure":1}', { qos: 1 });
  const refusals = () => listRefusals(nc, { limit: 10 });
  await waitFor(async () => (await refusals()).length > 0, {
    what: 'a topic that is no subject to be refused',
    msMax: 30_000,
  });
  expect(await refusals()).toMatchObject([{ reason: 'UnknownSubject', subject: 'twins/pümp/telemetry' }]);
  bridge.ending.abort();
  await bridge.gateway.stopped;
  await device.endAsync(true);
  await nc.close();
}, 120_000);
