import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import type { ReadingRecorded } from '@stratum/contracts/recorded.ts';
import type { RefusalReason } from '@stratum/contracts/telemetry/telemetry.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { isCopied } from '@stratum/infra/event-store/inbox.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { decodeEvent, lastSequence, readStream } from '@stratum/infra/event-store/reader.ts';
import { countRefusals, listRefusals } from '@stratum/infra/event-store/refused.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openLog } from '@stratum/infra/log.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { catalogueTwins, seedTwins } from '../twin/seed.ts';
import { type TwinCommand, twinDecider } from '../twin/twin.ts';
import { telemetryGateway } from './telemetry.gateway.ts';

const now = () => new Date();
const twinIds = catalogueTwins.map(({ twinId }) => twinId);
/** One parameter of each twin; the readings of a test are told apart by its value. */
const keyOf = new Map(catalogueTwins.map(({ twinId, parameters }) => [twinId, parameters[0]?.key ?? '']));

/** A server with the streams and the twins of the catalogue. */
async function startPlant() {
  const server = await startNats({ mqtt: true });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const nc = await connectNats(server.url, { name: 'test' });
  onTestFinished(() => nc.close());
  await ensureStreams(nc);
  const store = openStore(nc);
  await seedTwins({ store, now });
  const ending = new AbortController();
  const logger = openLog('test', 'silent');
  const config = { mqttUrl: server.mqttUrl, mqttIsForeign: false };
  const deps = { nc, store, now, logger, signal: ending.signal, config };
  return { server, nc, store, deps, end: () => ending.abort() };
}
type Plant = Awaited<ReturnType<typeof startPlant>>;

async function device({ server }: Plant) {
  const client = await mqtt.connectAsync(server.mqttUrl, { reconnectPeriod: 100, clean: false, clientId: name() });
  client.on('error', () => undefined);
  onTestFinished(() => client.endAsync(true));
  return client;
}
let names = 0;
const name = () => `device-${process.pid}-${names++}`;

async function readings({ nc }: Plant): Promise<ReadingRecorded[]> {
  const { last } = await lastSequence(nc, 'TELEMETRY');
  const all: ReadingRecorded[] = [];
  const ending = new AbortController();
  if (last === 0) return all;
  await readStream(nc, {
    stream: 'TELEMETRY',
    from: 1,
    signal: ending.signal,
    onMessage: (message) => {
      all.push(decodeEvent(message) as ReadingRecorded);
      if (message.sequence >= last) ending.abort();
    },
  });
  return all;
}

const values = (all: ReadingRecorded[], twinId: string) =>
  all
    .filter(({ envelope }) => envelope.subject === twinId)
    .map(({ data }) => data.values[keyOf.get(twinId) ?? ''] ?? -1);

async function gatewayDone(plant: Plant, position: () => number) {
  await waitFor(() => isCopied(plant.nc), { what: 'DEVICES to have what was acknowledged', msMax: 30_000 });
  const { last } = await lastSequence(plant.nc, 'DEVICES');
  await waitFor(() => position() >= last, { what: `the gateway to reach ${last}`, msMax: 30_000 });
}

test('what a device publishes becomes one reading, and what is wrong with it is kept with the reason', async () => {
  const plant = await startPlant();
  const gateway = await telemetryGateway(plant.deps);
  const client = await device(plant);
  const send = (twinId: string, body: string) => client.publishAsync(`twins/${twinId}/telemetry`, body, { qos: 1 });
  const observedAt = new Date(Date.now() - 5_000).toISOString();
  const reading = JSON.stringify({ observedAt, values: { torque: 151, pressure: 30 } });
  await send('drillrig1', reading);
  await send('drillrig1', reading);
  await send('drillrig1', '{"torque":99}');
  await send('drillrig1', '{"torque":99}');
  await send('drillrig1', '{"torque":"99"}');
  await send('drillrig1', 'torque=99');
  await send('drillrig1', '{"depth":99}');
  await send('drillrig9', '{"torque":99}');
  await send('drillrig1', JSON.stringify({ observedAt: '2999-01-01T00:00:00Z', values: { torque: 99 } }));
  await client.publishAsync('shopfloor/1/heartbeat', '{}', { qos: 1 });
  await gatewayDone(plant, gateway.position);

  const all = await readings(plant);
  expect(all.map(({ data }) => data)).toEqual([
    { observedAt, values: { torque: 151, pressure: 30 }, outside: { torque: 'high' } },
    { observedAt: expect.any(String), values: { torque: 99 }, outside: {} },
    { observedAt: expect.any(String), values: { torque: 99 }, outside: {} },
  ]);
  const refusals = (await listRefusals(plant.nc, { limit: 10 })).map(({ reason, body }) => [reason, body]);
  expect(refusals.toSorted()).toEqual([
    ['BadShape', '{"torque":"99"}'],
    ['NotJson', 'torque=99'],
    ['ObservedInFuture', expect.stringContaining('2999')],
    ['UnknownParameter', '{"depth":99}'],
    ['UnknownTwin', '{"torque":99}'],
  ]);
  const counts: Partial<Record<RefusalReason, number>> = await countRefusals(plant.nc);
  expect(counts).toMatchObject({ UnknownTwin: 1, UnknownParameter: 1, NotJson: 1, BadShape: 1, ObservedInFuture: 1 });
  plant.end();
  await gateway.stopped;
});

test('a reading right after its twin was commissioned is taken, under the limits then in force', async () => {
  const plant = await startPlant();
  const gateway = await telemetryGateway(plant.deps);
  const client = await device(plant);
  const [rig] = catalogueTwins;
  if (rig === undefined) throw new Error('the catalogue is empty');
  const wish = { actor: 'account:test', correlationId: 'test', time: now().toISOString() } as const;
  const sent: number[] = [];
  for (let number = 0; number < 20; number++) {
    const twinId = `rig-${number}`;
    const command: TwinCommand = { ...wish, id: twinId, type: 'CommissionTwin', data: { ...rig, twinId } };
    await handle(plant.store, twinDecider, { site: 'main', entity: 'twin', id: twinId }, command);
    await client.publishAsync(`twins/${twinId}/telemetry`, `{"torque":${number}}`, { qos: 1 });
    sent.push(number);
  }
  await gatewayDone(plant, gateway.position);
  expect((await readings(plant)).map(({ data }) => data.values.torque)).toEqual(sent);
  expect(await listRefusals(plant.nc, { limit: 10 })).toEqual([]);
  plant.end();
  await gateway.stopped;
});

test('a gateway that cannot start leaves nobody behind who reads', async () => {
  const plant = await startPlant();
  const manager = await jetstreamManager(plant.nc);
  await manager.streams.delete('DEVICES');
  await expect(telemetryGateway(plant.deps)).rejects.toThrow('stream not found');
  await ensureStreams(plant.nc);
  const consumers = async () => (await manager.streams.info('PLANT')).state.consumer_count;
  // Whoever was left behind began to read before this one.
  const gateway = await telemetryGateway(plant.deps);
  await expect.poll(consumers, { timeout: 10_000 }).toBeGreaterThan(0);
  plant.end();
  await gateway.stopped;
  await expect.poll(consumers, { timeout: 10_000 }).toBe(0);
});

/** A gateway in a process of its own. */
async function startGateway({ server }: Plant): Promise<ChildProcess> {
  const path = fileURLToPath(new URL('./gateway-process.ts', import.meta.url));
  const child = spawn(process.execPath, [path], {
    env: { ...process.env, NATS_URL: server.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => kill(child));
  if (child.stdout === null) throw new Error('no stdout');
  await once(child.stdout, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Sends readings 0 … count - 1 of one twin with some in flight; answers when all are acknowledged. */
async function sendAll(
  client: mqtt.MqttClient,
  twinId: string,
  count: number,
  onAcknowledged?: () => void,
): Promise<void> {
  const start = Date.now() - count * 1_000;
  const send = (number: number) => {
    const observedAt = new Date(start + number * 1_000).toISOString();
    const body = JSON.stringify({ observedAt, values: { [keyOf.get(twinId) ?? '']: number } });
    return client.publishAsync(`twins/${twinId}/telemetry`, body, { qos: 1 });
  };
  const underWay = new Set<Promise<unknown>>();
  for (let number = 0; number < count; number++) {
    const sending: Promise<unknown> = send(number)
      .then(onAcknowledged)
      .finally(() => underWay.delete(sending));
    underWay.add(sending);
    if (underWay.size >= 8) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}

async function allTaken({ nc, server }: Plant, count: number): Promise<void> {
  await waitFor(async () => (await lastSequence(nc, 'TELEMETRY')).last >= count, {
    what: `${count} readings on ${server.url}`,
    msMax: 40_000,
  });
}

test('every reading is taken once and in order, though two gateways work at once and are killed in the middle', async () => {
  const plant = await startPlant();
  const count = 250;
  let one = await startGateway(plant);
  const other = await startGateway(plant);
  const clients = await Promise.all(twinIds.map(() => device(plant)));
  const sending = Promise.all(twinIds.map((twinId, index) => sendAll(clients[index] ?? fail(), twinId, count)));
  await allTaken(plant, 300);
  await kill(one);
  await allTaken(plant, 600);
  one = await startGateway(plant);
  await allTaken(plant, 900);
  await kill(other);
  await sending;
  await startGateway(plant);
  await allTaken(plant, count * twinIds.length);

  const all = await readings(plant);
  const expected = Array.from({ length: count }, (_, number) => number);
  for (const twinId of twinIds) expect(values(all, twinId), twinId).toEqual(expected);
  expect(await listRefusals(plant.nc, { limit: 10 })).toEqual([]);
}, 120_000);

test('no acknowledged reading is lost or doubled when the server is killed under way', async () => {
  const plant = await startPlant();
  const gateway = await telemetryGateway(plant.deps);
  const count = 500;
  let acknowledged = 0;
  const clients = await Promise.all(twinIds.map(() => device(plant)));
  const sending = Promise.all(
    twinIds.map((twinId, index) => sendAll(clients[index] ?? fail(), twinId, count, () => acknowledged++)),
  );
  for (const enough of [800, 2_400]) {
    await waitFor(() => acknowledged >= enough, {
      what: `${enough} readings to be acknowledged`,
      pollMs: 1,
      msMax: 40_000,
    });
    await plant.server.kill();
    await plant.server.restart();
  }
  await sending;
  // A question put while the server was away is never answered, so it is put again.
  const ask = () => lastSequence(plant.nc, 'DEVICES').catch(() => undefined);
  const { last } = await waitFor(ask, { what: 'the server to answer again', msMax: 20_000 });
  expect(last).toBeGreaterThanOrEqual(count * twinIds.length);
  await waitFor(() => gateway.position() >= last, { what: `the gateway to reach ${last}`, msMax: 30_000 });

  const all = await readings(plant);
  const expected = Array.from({ length: count }, (_, number) => number);
  for (const twinId of twinIds) expect(values(all, twinId), twinId).toEqual(expected);
  plant.end();
  await gateway.stopped;
}, 120_000);

test('a back-fill of the whole plant is caught up with, each twin in order', async () => {
  const plant = await startPlant();
  const count = 20_000;
  await fillInbox(plant, count);
  const gateway = await telemetryGateway(plant.deps);
  const { last } = await lastSequence(plant.nc, 'DEVICES');
  await waitFor(() => gateway.position() >= last, { what: 'the back-fill to be caught up with', msMax: 100_000 });
  const all = await readings(plant);
  expect(all).toHaveLength(count);
  for (const [index, twinId] of twinIds.entries()) {
    const expected = Array.from({ length: count / twinIds.length }, (_, number) => number * twinIds.length + index);
    expect(values(all, twinId), twinId).toEqual(expected);
  }
  plant.end();
  await gateway.stopped;
}, 120_000);

/** Readings of all twins straight into DEVICES, as a back-fill puts them there. */
async function fillInbox({ nc }: Plant, count: number): Promise<void> {
  const publisher = publisherOf(nc);
  const start = Date.now() - 86_400_000;
  const sending: Promise<unknown>[] = [];
  for (let number = 0; number < count; number++) {
    const twinId = twinIds[number % twinIds.length] ?? '';
    const observedAt = new Date(start + Math.floor(number / twinIds.length) * 10_000).toISOString();
    const body = JSON.stringify({ observedAt, values: { [keyOf.get(twinId) ?? '']: number } });
    sending.push(publisher.publish(`twins.${twinId}.telemetry`, Buffer.from(body), ''));
    if (sending.length >= 1_000) await Promise.all(sending.splice(0));
  }
  await Promise.all(sending);
}

function fail(): never {
  throw new Error('a device is missing');
}
