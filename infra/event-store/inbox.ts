import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamSource,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { deviceSubjects } from '@stratum/contracts/subjects.ts';
import type { RawMessage } from './message.ts';

/**
 * How a device's message gets into DEVICES for certain. nats-server as MQTT broker acknowledges a message (QoS 1, 2) when
 * it is in a stream of its own; DEVICES gets it at the same time, but nobody waits for that, so a server that is killed,
 * or stopped, in between has acknowledged what DEVICES never had. Therefore DEVICES also copies from the broker's stream,
 * which keeps every message until the copy is stored. The copy is the message; what came directly is its shadow.
 *
 * Servers before 2.14 cannot copy so; there the direct message is all there is.
 */

/** The broker's own stream; it makes it at the first MQTT client if it is not there yet, with these settings. */
const BROKER_STREAM = '$MQTT_msgs';
const BROKER_PREFIX = '$MQTT.msgs.';
const COPIER = 'devices';
/** Where the server hands over to itself. */
const COPIER_SUBJECT = 'stratum.inbox.devices';
/** The server asks for exactly this. */
const COPIER_HEARTBEAT_MS = 1_000;
/** Copied but not yet confirmed; these are copied again after a crash, and then passed over. */
const COPIER_PENDING_MAX = 20_000;
/** JetStream's API level that can copy from a stream which forgets what was taken. */
const API_LEVEL_MIN = 4;
const API_MS_MAX = 10_000;
const NOT_FOUND = 404;
/** Headers that the server sets: the MQTT quality of service, and where a copy comes from. */
const QOS_HEADER = 'Nmqtt-Pub';
const COPY_HEADER = 'Nats-Stream-Source';

/** Whether the server can copy from its MQTT broker's stream without losing anything. */
export function canCopy(nc: NatsConnection): boolean {
  return (nc.info?.api_lvl ?? 0) >= API_LEVEL_MIN;
}

/** What DEVICES copies: the broker's messages of devices, under their own subjects. */
export function deviceSources(): StreamSource[] {
  return [
    {
      name: BROKER_STREAM,
      consumer: { name: COPIER, deliver_subject: COPIER_SUBJECT },
      subject_transforms: deviceSubjects.map((subject) => ({
        src: `${BROKER_PREFIX}${subject}`,
        dest: subject.replace('*', '{{wildcard(1)}}'),
      })),
    },
  ];
}

/**
 * Makes what DEVICES copies from, where it is missing: the broker's stream, and the consumer that makes it keep messages.
 * The consumer takes everything: with filters the server, once it is behind, looks through all subjects of a block for
 * each message, which with 10,000 twins takes 3 ms and so is never made up for.
 */
export async function ensureCopier(manager: JetStreamManager, { replicas }: { replicas: number }): Promise<void> {
  const stream: Partial<StreamConfig> & { name: string } = {
    name: BROKER_STREAM,
    subjects: [`${BROKER_PREFIX}>`],
    storage: StorageType.File,
    retention: RetentionPolicy.Interest,
    num_replicas: replicas,
  };
  const names = await manager.streams.names(`${BROKER_PREFIX}>`).next();
  if (!names.includes(BROKER_STREAM)) await manager.streams.add(stream);
  const copier: Partial<ConsumerConfig> = {
    durable_name: COPIER,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.FlowControl,
    deliver_subject: COPIER_SUBJECT,
    flow_control: true,
    idle_heartbeat: nanos(COPIER_HEARTBEAT_MS),
    max_ack_pending: COPIER_PENDING_MAX,
  };
  const existing = await find(manager);
  if (existing === undefined) await manager.consumers.add(BROKER_STREAM, copier);
  // Earlier versions had filters.
  else if (existing.filter_subjects !== undefined) {
    await manager.consumers.update(BROKER_STREAM, COPIER, { filter_subjects: [] });
  }
}

async function find(manager: JetStreamManager): Promise<ConsumerConfig | undefined> {
  try {
    return (await manager.consumers.info(BROKER_STREAM, COPIER)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound) return undefined;
    throw error;
  }
}

/** Tells the messages of a stream that are nobody's business, because their copy is coming or has come. */
export async function shadowsOf(nc: NatsConnection, stream: string): Promise<(message: RawMessage) => boolean> {
  if (stream !== 'DEVICES') return () => false;
  const manager = await jetstreamManager(nc, { timeout: API_MS_MAX, checkAPI: false });
  const { config } = await manager.streams.info(stream);
  return (config.sources ?? []).some(({ name }) => name === BROKER_STREAM) ? isShadow : () => false;
}

/**
 * Whether the broker has acknowledged the message to a device, and this is not the copy that the broker's word stands for;
 * or whether it is a copy of what devices are told, not of what they say, which keeps the broker's name for its subject.
 */
export function isShadow({ subject, headers }: Pick<RawMessage, 'subject' | 'headers'>): boolean {
  if (subject.startsWith(BROKER_PREFIX)) return true;
  const qos = headers.get(QOS_HEADER)?.[0];
  return (qos === '1' || qos === '2') && (headers.get(COPY_HEADER) ?? '') === '';
}

/**
 * How far the copying is. `none`: the server cannot copy, and what comes directly counts; `missing`: it should copy and
 * does not; `waiting`: messages not handed over yet; `unconfirmed`: handed over, and not yet in DEVICES for certain, which
 * the server asks for only in a pause or after thousands; `copied`: how many were handed over, in all.
 */
export type CopyState =
  | { kind: 'none' }
  | { kind: 'missing' }
  | { kind: 'copying'; waiting: number; unconfirmed: number; copied: number };

/** Asks the server how far the copying is. */
export async function copyState(nc: NatsConnection): Promise<CopyState> {
  if (!canCopy(nc)) return { kind: 'none' };
  const manager = await jetstreamManager(nc, { timeout: API_MS_MAX, checkAPI: false });
  try {
    const { num_pending, num_ack_pending, delivered } = await manager.consumers.info(BROKER_STREAM, COPIER);
    return {
      kind: 'copying',
      waiting: num_pending,
      unconfirmed: num_ack_pending,
      copied: delivered.consumer_seq,
    };
  } catch (error) {
    if (error instanceof JetStreamApiError && error.status === NOT_FOUND) return { kind: 'missing' };
    throw error;
  }
}

/**
 * Whether DEVICES holds everything that the broker has acknowledged to devices up to now, as messages and not as shadows.
 * While messages come without a pause the server does not ask, so that this may be false for long.
 */
export async function isCopied(nc: NatsConnection): Promise<boolean> {
  const state = await copyState(nc);
  return state.kind === 'none' || (state.kind === 'copying' && state.waiting + state.unconfirmed === 0);
}
