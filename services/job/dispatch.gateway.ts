import type { KV } from '@nats-io/kv';
import { type Instruction, instructionSchema } from '@stratum/contracts/job/job.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { type SignOfLife, signOfLifeSchema } from '@stratum/contracts/shopfloor/shopfloor.ts';
import { instructionTopic } from '@stratum/contracts/subjects.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { type RunningReactor, runReactor } from '@stratum/infra/event-store/reactor.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import mqtt, { type MqttClient } from 'mqtt';
import type { WorkerDeps } from '../worker/deps.ts';
import { type DispatchJob, job } from './job.ts';

/** Instructions under way at once. */
const IN_FLIGHT_MAX = 32;
const CONNECT_MS_MAX = 5_000;
const RECONNECT_EVERY_MS = 500;

type JobReleased = Extract<PlantEvent, { type: 'JobReleased' }>;

/**
 * Sends every released job to its shopfloor over MQTT, QoS 1, and records that once the broker acknowledged it. While
 * the broker is away it waits. One worker does this at a time, and what it has not sent when its time is over it sends no
 * more; so an instruction goes out once, but for a crash between acknowledgement and record: then again, as QoS 1 promises;
 * a floor knows it by its order id.
 */
export async function dispatchGateway(deps: WorkerDeps): Promise<RunningReactor> {
  const { nc, signal, logger } = deps;
  const heartbeats = await bucket(nc, 'heartbeats');
  const client = connectTo(deps);
  const running = runReactor({
    name: 'dispatch',
    nc,
    stream: 'PLANT',
    subject: 'plant.*.job.*',
    inFlightMax: IN_FLIGHT_MAX,
    signal,
    logger,
    async onEvent(event) {
      if (event.type === 'JobReleased') await dispatch(event);
    },
  });
  running.stopped.catch(() => undefined).finally(() => void client.endAsync(true));
  return running;

  async function dispatch(released: JobReleased): Promise<void> {
    if (await isDispatched(deps, released)) return;
    const sign = await signOf(heartbeats, released.data.shopfloorId);
    const topics = topicsOf(released.data.shopfloorId, sign);
    const body = instructionBody(released.data.instruction);
    for (const topic of topics) await publish(client, topic, body, signal);
    await record(deps, released, topics.join(' '));
  }
}

/** Exactly the four fields of the catalogue, in its order. */
export function instructionBody({ orderId, description, quantity, material }: Instruction): string {
  return JSON.stringify(instructionSchema.parse({ orderId, description, quantity, material }));
}

/** A floor is addressed by the names it goes by; `shopfloor1` where it was never heard. */
export function topicsOf(shopfloorId: string, sign: SignOfLife | undefined): string[] {
  const names = Object.keys(sign?.names ?? {}).toSorted();
  return (names.length === 0 ? [shopfloorId] : names).map(instructionTopic);
}

/** The client reconnects for ever and sends again what was not acknowledged. nats-server speaks MQTT 3.1.1 only. */
function connectTo({ config, logger }: WorkerDeps): MqttClient {
  const client = mqtt.connect(config.mqttUrl, {
    protocolVersion: 4,
    clientId: `stratum-dispatch-${crypto.randomUUID().slice(0, 8)}`,
    connectTimeout: CONNECT_MS_MAX,
    reconnectPeriod: RECONNECT_EVERY_MS,
  });
  let isAway = false;
  client.on('connect', () => {
    isAway = false;
    logger.info({ gateway: 'dispatch' }, 'connected to the MQTT broker');
  });
  client.on('error', (error) => {
    if (!isAway) logger.warn({ gateway: 'dispatch', error }, 'the MQTT broker is out of reach, trying on');
    isAway = true;
  });
  return client;
}

/** Resolves at the broker's acknowledgement, however long that takes; rejects only when the gateway ends. */
async function publish(client: MqttClient, topic: string, body: string, signal: AbortSignal): Promise<void> {
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(new Unavailable('ended before the broker acknowledged the instruction'));
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([client.publishAsync(topic, body, { qos: 1 }), ended.promise]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

async function isDispatched({ store }: WorkerDeps, { data, recorded }: JobReleased): Promise<boolean> {
  const events = await store.read({ site: recorded.site, entity: 'job', id: data.jobId }, recorded.sequence);
  return events.some((event) => event.type === 'JobDispatched');
}

async function record({ store, now }: WorkerDeps, released: JobReleased, topic: string): Promise<void> {
  const { jobId, orderId, shopfloorId } = released.data;
  const command: DispatchJob = {
    id: `dispatch:${released.recorded.position}`,
    type: 'DispatchJob',
    data: { jobId, orderId, shopfloorId, topic },
    actor: 'gateway:dispatch',
    correlationId: released.envelope.correlationId,
    time: now().toISOString(),
  };
  await handle(store, job, { site: released.recorded.site, entity: 'job', id: jobId }, command);
}

async function signOf(heartbeats: KV, shopfloorId: string): Promise<SignOfLife | undefined> {
  const entry = await heartbeats.get(shopfloorId);
  return entry?.operation === 'PUT' ? signOfLifeSchema.parse(entry.json()) : undefined;
}
