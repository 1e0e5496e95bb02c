import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { NatsConnection } from '@nats-io/nats-core';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { openStore, type Store } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openLeadership } from '@stratum/infra/leadership/leadership.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import mqtt from 'mqtt';
import { pino } from 'pino';
import { dispatchGateway } from '../job/dispatch.gateway.ts';
import { jobReactor } from '../job/job.reactor.ts';
import { reportGateway } from '../job/report.gateway.ts';
import { shopfloorGateway } from '../shopfloor/shopfloor.gateway.ts';
import { type ShopfloorCommand, shopfloor } from '../shopfloor/shopfloor.ts';
import type { Running, Starter, WorkerDeps } from '../worker/deps.ts';
import { keepRunning } from '../worker/keep-running.ts';
import { orderReactor } from './order.reactor.ts';
import { order, type PlaceOrder } from './order.ts';

/** Everything that production needs of the worker. */
const starters: Record<string, Starter> = {
  order: orderReactor,
  job: jobReactor,
  dispatch: dispatchGateway,
  report: reportGateway,
  shopfloor: shopfloorGateway,
};

export type TestWorker = AsyncDisposable & { running: Pick<Running, 'name' | 'position'>[]; stop(): Promise<void> };

export type TestWorkerOptions = {
  /** Lets it do everything although another may do it, too: as when leases fail. */
  isRival?: boolean;
  /** The broker of the shopfloors, if it is not NATS itself. */
  mqttUrl?: string;
};

/** A real nats-server with MQTT, and as many workers on it as a test wants. */
export interface TestPlant extends AsyncDisposable {
  server: TestNats;
  nc: NatsConnection;
  store: Store;
  startWorker(options?: TestWorkerOptions): Promise<TestWorker>;
  commission(shopfloorId: string, capacityPerHour: number, heartbeatPeriodSeconds?: number): Promise<void>;
  setCapacity(shopfloorId: string, capacityPerHour: number): Promise<void>;
  /** Places an order whose id ends in `name`; answers the id. */
  placeOrder(name: string, quantity: number): Promise<string>;
  eventsOf(entity: 'order' | 'job' | 'shopfloor', id: string): Promise<PlantEvent[]>;
  /** Waits until an aggregate has an event of this type. */
  waitForEvent<Type extends PlantEvent['type']>(
    entity: 'order' | 'job' | 'shopfloor',
    id: string,
    type: Type,
  ): Promise<Extract<PlantEvent, { type: Type }>>;
}

export async function startTestPlant(): Promise<TestPlant> {
  const server = await startNats({ mqtt: true });
  const nc = await connectNats(server.url, { name: 'production-test' });
  await ensureStreams(nc);
  const store = openStore(nc);
  const workers = new Set<TestWorker>();
  let commands = 0;

  const orderFloor = async (wish: Pick<ShopfloorCommand, 'type' | 'data'>): Promise<void> => {
    commands += 1;
    const caller = { actor: 'account:tester', correlationId: 'test', time: new Date().toISOString() } as const;
    const command = { ...wish, ...caller, id: `test:${commands}` } as ShopfloorCommand;
    await handle(store, shopfloor, { site: SITE_DEFAULT, entity: 'shopfloor', id: wish.data.shopfloorId }, command);
  };
  const eventsOf = async (entity: 'order' | 'job' | 'shopfloor', id: string) =>
    await store.read({ site: SITE_DEFAULT, entity, id });

  return {
    server,
    nc,
    store,
    eventsOf,
    async startWorker(options = {}) {
      const worker = await startWorker(server, options);
      workers.add(worker);
      return worker;
    },
    commission: (shopfloorId, capacityPerHour, heartbeatPeriodSeconds = 10) =>
      orderFloor({
        type: 'CommissionShopfloor',
        data: { shopfloorId, name: shopfloorId, capacityPerHour, heartbeatPeriodSeconds },
      }),
    setCapacity: (shopfloorId, capacityPerHour) =>
      orderFloor({ type: 'SetCapacity', data: { shopfloorId, capacityPerHour } }),
    async placeOrder(name, quantity) {
      const orderId = `ORD-${name.padStart(10, '0')}`;
      const command: PlaceOrder = {
        id: `place:${orderId}`,
        type: 'PlaceOrder',
        data: { orderId, description: 'Cola Bottles 500ml', quantity, material: 'PET Plastic' },
        actor: 'account:tester',
        correlationId: 'test',
        time: new Date().toISOString(),
      };
      await handle(store, order, { site: SITE_DEFAULT, entity: 'order', id: orderId }, command);
      return orderId;
    },
    async waitForEvent<Type extends PlantEvent['type']>(entity: 'order' | 'job' | 'shopfloor', id: string, type: Type) {
      const found = () =>
        eventsOf(entity, id)
          .then((events) => events.find((event) => event.type === type))
          .catch(() => undefined);
      const event = await waitFor(found, { what: `${type} of ${id}`, msMax: 20_000 });
      return event as Extract<PlantEvent, { type: Type }>;
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) await worker.stop();
      await nc.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A worker with a connection and a memory of its own, as another process would have. */
async function startWorker(server: TestNats, { isRival = false, mqttUrl }: TestWorkerOptions): Promise<TestWorker> {
  const nc = await connectNats(server.url, { name: 'worker-test' });
  const ending = new AbortController();
  const { signal } = ending;
  const logger = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' });
  const config = { mqttUrl: mqttUrl ?? server.mqttUrl, mqttIsForeign: mqttUrl !== undefined };
  const deps: WorkerDeps = { nc, store: openStore(nc), now: () => new Date(), logger, signal, config };
  const { running, ended } = await (isRival ? startAll(deps) : leadShare(deps));
  const stop = async () => {
    ending.abort();
    await ended();
    await nc.close();
  };
  return { running, stop, [Symbol.asyncDispose]: stop };
}

async function startAll(deps: WorkerDeps) {
  const running = await Promise.all(Object.values(starters).map((start) => start(deps)));
  return { running, ended: () => Promise.allSettled(running.map(({ stopped }) => stopped)) };
}

async function leadShare(deps: WorkerDeps) {
  const { nc, signal, logger } = deps;
  const id = `worker-${crypto.randomUUID().slice(0, 8)}`;
  const tasks = Object.keys(starters);
  const leadership = openLeadership(nc, { program: 'worker', id, tasks, signal, logger });
  const kept = Object.entries(starters).map(([name, start]) => keepRunning(name, start, deps, leadership));
  await Promise.all(kept.map(({ begun }) => begun));
  const ended = () => Promise.all(kept.map((part) => part.ended)).finally(() => leadership.close());
  const running = kept.map(({ name, health }) => ({ name, position: () => health().position ?? 0 }));
  return { running, ended };
}

/** An MQTT client that is not ours, on a broker: what a shopfloor would use. */
export interface MqttPeer extends AsyncDisposable {
  /** Bodies that came in so far. */
  received: string[];
  /** Publishes with QoS 1; resolves at the broker's acknowledgement. */
  publish(topic: string, body: string): Promise<void>;
}

/** Whether mosquitto's command-line clients are there; if not, says what is used instead. */
export function hasMosquitto(): boolean {
  const isThere = ['mosquitto_sub', 'mosquitto_pub'].every((name) => spawnSync(name, ['--help']).error === undefined);
  if (!isThere) console.warn('mosquitto_sub and mosquitto_pub are not installed: mqtt.js plays the shopfloor instead');
  return isThere;
}

/** Subscribes to `topic` (QoS 1) as `mosquitto_sub` and publishes as `mosquitto_pub`; as mqtt.js where they are missing. */
export function mqttPeer(mqttUrl: string, topic: string): Promise<MqttPeer> {
  return hasMosquitto() ? mosquittoPeer(mqttUrl, topic) : mqttJsPeer(mqttUrl, topic);
}

async function mosquittoPeer(mqttUrl: string, topic: string): Promise<MqttPeer> {
  const { hostname, port } = new URL(mqttUrl);
  const broker = ['-h', hostname, '-p', port, '-V', 'mqttv311', '-q', '1'];
  // It does not say when its subscription stands, so it gets a second one that is knocked at until it answers.
  const door = `probe/${crypto.randomUUID()}`;
  const args = [...broker, '-t', topic, '-t', door];
  const subscriber = spawn('mosquitto_sub', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const received: string[] = [];
  let isSubscribed = false;
  createInterface({ input: subscriber.stdout }).on('line', (line) => {
    if (line === door) isSubscribed = true;
    else received.push(line);
  });
  const publish = async (to: string, body: string) => {
    const publisher = spawn('mosquitto_pub', [...broker, '-t', to, '-m', body], { stdio: 'ignore' });
    const [code] = await once(publisher, 'exit');
    if (code !== 0) throw new Error(`mosquitto_pub ended with ${String(code)}`);
  };
  const knock = async () => {
    if (!isSubscribed) await publish(door, door);
    return isSubscribed;
  };
  const end = async () => {
    if (subscriber.exitCode !== null || subscriber.signalCode !== null) return;
    subscriber.kill('SIGTERM');
    await once(subscriber, 'exit');
  };
  await waitFor(knock, { what: `mosquitto_sub to be subscribed to ${topic}` }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  return { received, publish, [Symbol.asyncDispose]: end };
}

/** The same over mqtt.js, for machines without mosquitto. */
async function mqttJsPeer(mqttUrl: string, topic: string): Promise<MqttPeer> {
  const client = await mqtt.connectAsync(mqttUrl, { protocolVersion: 4 });
  const received: string[] = [];
  client.on('message', (_topic, body) => received.push(body.toString()));
  await client.subscribeAsync(topic, { qos: 1 });
  return {
    received,
    publish: async (to, body) => void (await client.publishAsync(to, body, { qos: 1 })),
    [Symbol.asyncDispose]: async () => void (await client.endAsync(true)),
  };
}
