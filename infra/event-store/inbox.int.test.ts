import { setTimeout as wait } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { deviceSubjects } from '@stratum/contracts/subjects.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isRunning, markOf } from '../local/process-identity.ts';
import { startNats, type TestNats } from '../testing/nats.ts';
import { waitFor } from '../testing/waitFor.ts';
import { connectNats } from './connection.ts';
import { copyState, isCopied } from './inbox.ts';
import type { RawMessage } from './message.ts';
import { listeningLogger } from './plant-server.fixture.ts';
import { runReactor } from './reactor.ts';
import { ensureStreams } from './streams.ts';

const CLIENTS = 4;
const IN_FLIGHT_PER_CLIENT = 32;
/** So many more are acknowledged before each end of the server: all lanes are busy then. */
const BETWEEN_ENDS = 500;
const RETRY_MS = 20;
const WAIT_MS_MAX = 30_000;
/** Enough for the server to be behind by more than it holds at hand. */
const DELAYED = 30_000;
const DEVICES = 10_000;
const TOPIC = 'twins/any/telemetry';
const NOT_A_TOPIC_OF_DEVICES = 'shopfloor/any/instructions';

async function mqttServer() {
  const server = await startNats({ mqtt: true });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const nc = await connectNats(server.url, { name: 'test' });
  onTestFinished(() => nc.close());
  await ensureStreams(nc);
  return { server, nc, messages: await handled(nc) };
}

/** What a reactor is handed over of DEVICES, from now on. */
async function handled(nc: Awaited<ReturnType<typeof connectNats>>): Promise<RawMessage[]> {
  const messages: RawMessage[] = [];
  const ending = new AbortController();
  const onMessage = async (message: RawMessage) => void messages.push(message);
  const reactor = runReactor({
    name: 'test',
    nc,
    stream: 'DEVICES',
    signal: ending.signal,
    logger: listeningLogger(),
    onMessage,
  });
  onTestFinished(async () => {
    ending.abort();
    await reactor.stopped;
  });
  return messages;
}

function connect(server: TestNats, clientId: string): MqttClient {
  const client = mqtt.connect(server.mqttUrl, { protocolVersion: 4, clientId, clean: false, reconnectPeriod: 100 });
  client.on('error', () => undefined);
  onTestFinished(() => client.endAsync(true));
  return client;
}

const textOf = ({ data }: RawMessage): string => Buffer.from(data).toString();

describe('what devices send over MQTT', () => {
  it('is handed over once, whatever its quality of service, in the order in which it was sent', async () => {
    const { server, messages } = await mqttServer();
    const client = connect(server, 'device');
    const sent = Array.from({ length: 60 }, (_, number) => String(number));
    for (const [number, text] of sent.entries()) {
      await client.publishAsync(TOPIC, text, { qos: number % 3 === 0 ? 1 : 2 });
    }
    await client.publishAsync(TOPIC, 'not acknowledged', { qos: 0 });
    await client.publishAsync(NOT_A_TOPIC_OF_DEVICES, 'not for us', { qos: 1 });
    await client.publishAsync(TOPIC, 'last', { qos: 1 });
    await waitFor(() => messages.some((message) => textOf(message) === 'last'), { what: 'the last message' });
    const texts = messages.map(textOf);
    expect(texts.filter((text) => text !== 'not acknowledged')).toEqual([...sent, 'last']);
    expect(texts.filter((text) => text === 'not acknowledged')).toHaveLength(1);
    expect(new Set(messages.map(({ subject }) => subject))).toEqual(new Set(['twins.any.telemetry']));
  });

  it('leaves nothing behind in the stream of the broker once it is stored', async () => {
    const { server, nc, messages } = await mqttServer();
    const client = connect(server, 'device');
    await Promise.all(Array.from({ length: 100 }, () => client.publishAsync(TOPIC, '{}', { qos: 1 })));
    await waitFor(() => messages.length === 100, { what: 'all messages' });
    const manager = await jetstreamManager(nc);
    const isEmpty = async () => (await manager.streams.info('$MQTT_msgs')).state.messages === 0;
    await waitFor(isEmpty, { what: 'the stream of the broker to be empty' });
  });

  it('is made up for at full speed after a delay, also for thousands of devices', { timeout: 120_000 }, async () => {
    const { nc } = await mqttServer();
    const manager = await jetstreamManager(nc);
    const minutes = 10;
    await manager.consumers.pause('$MQTT_msgs', 'devices', new Date(Date.now() + minutes * 60_000));
    for (let number = 0; number < DELAYED; number++) {
      nc.publish(`$MQTT.msgs.twins.twin${number % DEVICES}.telemetry`, '{"value":1}');
    }
    await nc.flush();
    const waiting = async () => (await manager.consumers.info('$MQTT_msgs', 'devices')).num_pending;
    await waitFor(async () => (await waiting()) === DELAYED, { what: 'all to wait', msMax: WAIT_MS_MAX });
    await manager.consumers.resume('$MQTT_msgs', 'devices');
    await waitFor(() => isCopied(nc), { what: 'all to be copied', msMax: WAIT_MS_MAX, pollMs: 100 });
    expect((await manager.streams.info('DEVICES')).state.num_subjects).toBe(DEVICES);
  });

  it('is copied without filters, also where an earlier start made them', async () => {
    const { nc } = await mqttServer();
    const manager = await jetstreamManager(nc);
    await manager.consumers.update('$MQTT_msgs', 'devices', {
      filter_subjects: deviceSubjects.map((subject) => `$MQTT.msgs.${subject}`),
    });
    await ensureStreams(nc);
    const { config } = await manager.consumers.info('$MQTT_msgs', 'devices');
    expect(config).not.toHaveProperty('filter_subjects');
    expect(config).not.toHaveProperty('filter_subject');
  });

  it('is known to be copied, or that nothing copies it', async () => {
    const { server, nc, messages } = await mqttServer();
    expect(await copyState(nc)).toEqual({ kind: 'copying', waiting: 0, unconfirmed: 0, copied: 0 });
    const client = connect(server, 'device');
    await Promise.all(Array.from({ length: 10 }, () => client.publishAsync(TOPIC, '{}', { qos: 1 })));
    await waitFor(() => messages.length === 10, { what: 'all messages' });
    await waitFor(() => isCopied(nc), { what: 'all to be copied' });
    expect(await copyState(nc)).toEqual({ kind: 'copying', waiting: 0, unconfirmed: 0, copied: 10 });
    const manager = await jetstreamManager(nc);
    await manager.consumers.delete('$MQTT_msgs', 'devices');
    expect(await copyState(nc)).toEqual({ kind: 'missing' });
    expect(await isCopied(nc)).toBe(false);
  });

  it('is seen to be copied while messages come without a pause', async () => {
    const { server, nc } = await mqttServer();
    const client = connect(server, 'device');
    const stepMs = 20;
    const copied = async () => {
      const state = await copyState(nc);
      return state.kind === 'copying' && state.waiting === 0 ? state.copied : 0;
    };
    const sending = setInterval(() => client.publish(TOPIC, '{}', { qos: 1 }), stepMs);
    onTestFinished(() => clearInterval(sending));
    await waitFor(async () => (await copied()) > 0, { what: 'the first copies' });
    const before = await copied();
    await waitFor(async () => (await copied()) > before, { what: 'more copies' });
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'is there if it was acknowledged, though the server got %s in between',
    {
      timeout: 120_000,
    },
    async (signal) => {
      const { server, messages } = await mqttServer();
      const acknowledged = new Set<string>();
      const sending = new AbortController();
      const lanes = Array.from({ length: CLIENTS }, (_, number) => connect(server, `device-${number}`)).flatMap(
        (client, number) =>
          Array.from({ length: IN_FLIGHT_PER_CLIENT }, (_, lane) =>
            publishUntil(sending.signal, client, `${number}-${lane}`, acknowledged),
          ),
      );
      for (let end = 0; end < 4; end++) {
        const until = acknowledged.size + BETWEEN_ENDS;
        await waitFor(() => acknowledged.size >= until, { what: 'messages to be acknowledged', msMax: WAIT_MS_MAX });
        await endAndStart(server, signal);
      }
      sending.abort();
      await Promise.all(lanes);

      const missing = () => {
        const there = new Set(messages.map(textOf));
        return [...acknowledged].filter((name) => !there.has(name));
      };
      await waitFor(() => missing().length === 0, { what: 'everything acknowledged', msMax: WAIT_MS_MAX }).catch(
        () => undefined,
      );
      expect(missing()).toEqual([]);
      // A device sends again what was not acknowledged; beyond that nothing comes twice.
      const copies = messages.map(({ headers }) => headers.get('Nats-Stream-Source')?.split(' ')[1]);
      expect(new Set(copies).size).toBe(messages.length);
    },
  );
});

/** Publishes one message after the other, each again and again until it is acknowledged. */
async function publishUntil(signal: AbortSignal, client: MqttClient, lane: string, acknowledged: Set<string>) {
  for (let number = 0; !signal.aborted; number++) {
    const name = `${lane}-${number}`;
    while (!(await isAcknowledged(client, name))) await wait(RETRY_MS);
    acknowledged.add(name);
  }
}

function isAcknowledged(client: MqttClient, name: string): Promise<boolean> {
  return client.publishAsync(TOPIC, name, { qos: 1 }).then(
    () => true,
    () => false,
  );
}

async function endAndStart(server: TestNats, signal: NodeJS.Signals): Promise<void> {
  const mark = markOf(server.pid);
  process.kill(server.pid, signal);
  await waitFor(() => mark === null || !isRunning(mark), { what: 'nats-server to end', msMax: WAIT_MS_MAX });
  await server.restart();
}
