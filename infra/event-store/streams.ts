import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { deviceSubjects } from '@stratum/contracts/subjects.ts';
import { z } from 'zod';
import { readSettings } from '../config.ts';
import { canCopy, deviceSources, ensureCopier } from './inbox.ts';

const DAY_MS = 86_400_000;
const DEVICES_DAYS = 3;
const REFUSED_DAYS = 30;
const REFUSED_MESSAGES_MAX = 100_000;
/** How long a message id is remembered. Nothing relies on it alone: memory grows with it. */
const DUPLICATES_MS = 120_000;
const API_MS_MAX = 10_000;

type Settings = Partial<StreamConfig> & { name: string };

const everywhere = {
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  allow_direct: true,
  duplicate_window: nanos(DUPLICATES_MS),
} satisfies Partial<StreamConfig>;

const environmentSettings = {
  TELEMETRY_MAX_AGE_DAYS: z.coerce
    .number('must be a number')
    .positive('must be above 0')
    .default(90)
    .describe('how long readings are kept'),
  STREAM_REPLICAS: z.coerce
    .number('must be a number')
    .int()
    .min(1)
    .max(5)
    .optional()
    .describe('servers that keep a copy of each stream; 1 if left out, and what exists stays as it is'),
};
type Environment = Record<string, string | undefined>;

/** The settings of every stream, as the environment wants them. @throws BadConfiguration on nonsense there */
export function streamSettings(environment: Environment = process.env): Settings[] {
  const { TELEMETRY_MAX_AGE_DAYS: telemetryDays, STREAM_REPLICAS: replicas } = readSettings(
    environmentSettings,
    environment,
  );
  const common = { ...everywhere, ...(replicas === undefined ? {} : { num_replicas: replicas }) };
  return [
    {
      ...common,
      name: 'PLANT',
      subjects: ['plant.>'],
      discard: DiscardPolicy.New,
      deny_delete: true,
      deny_purge: true,
      allow_atomic: true,
      compression: StoreCompression.None,
    },
    {
      ...common,
      name: 'TELEMETRY',
      subjects: ['telemetry.>'],
      discard: DiscardPolicy.Old,
      max_age: nanos(telemetryDays * DAY_MS),
      compression: StoreCompression.S2,
    },
    {
      ...common,
      name: 'DEVICES',
      subjects: [...deviceSubjects],
      discard: DiscardPolicy.Old,
      max_age: nanos(DEVICES_DAYS * DAY_MS),
      compression: StoreCompression.S2,
    },
    {
      ...common,
      name: 'REFUSED',
      subjects: ['refused.>'],
      discard: DiscardPolicy.Old,
      max_age: nanos(REFUSED_DAYS * DAY_MS),
      max_msgs: REFUSED_MESSAGES_MAX,
      compression: StoreCompression.S2,
    },
  ];
}

/** Settings that the code relies on: with another value in the server, starting would be wrong. */
const vital = ['subjects', 'discard', 'deny_delete', 'deny_purge', 'allow_atomic', 'allow_direct', 'storage'] as const;

/** A stream exists with settings that would break what the code promises. */
export class StreamDiffers extends Error {
  constructor(stream: string, differences: string[]) {
    super(`the stream ${stream} exists with other settings than this program needs: ${differences.join('; ')}`);
    this.name = 'StreamDiffers';
  }
}

/**
 * Makes the streams PLANT, TELEMETRY, DEVICES and REFUSED where they are missing, and checks those that exist. How long
 * readings are kept and how many copies there are follows the environment; any other difference that matters is an error,
 * never silently corrected.
 * @throws StreamDiffers, BadConfiguration
 */
export async function ensureStreams(nc: NatsConnection, environment: Environment = process.env): Promise<void> {
  const manager = await jetstreamManager(nc, { timeout: API_MS_MAX });
  for (const settings of streamSettings(environment)) await ensureStream(manager, settings);
  if (canCopy(nc)) await ensureCopies(manager);
}

/** Lets DEVICES have for certain what the server's own MQTT broker acknowledged. */
async function ensureCopies(manager: JetStreamManager): Promise<void> {
  const { config } = await manager.streams.info('DEVICES');
  await ensureCopier(manager, { replicas: config.num_replicas });
  const sources = deviceSources();
  const isCurrent = JSON.stringify(config.sources ?? []) === JSON.stringify(sources);
  if (!isCurrent) await manager.streams.update('DEVICES', { sources });
}

async function ensureStream(manager: JetStreamManager, settings: Settings): Promise<void> {
  const existing = await find(manager, settings.name);
  if (existing === undefined) {
    await manager.streams.add(settings);
    return;
  }
  const differences = differencesOf(settings, existing);
  if (differences.length > 0) throw new StreamDiffers(settings.name, differences);
  const { max_age = 0, max_msgs = -1, num_replicas = existing.num_replicas } = settings;
  const isCurrent =
    existing.max_age === max_age && existing.max_msgs === max_msgs && existing.num_replicas === num_replicas;
  if (!isCurrent) await manager.streams.update(settings.name, { max_age, max_msgs, num_replicas });
}

async function find(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined;
    throw error;
  }
}

/** What of the vital settings is otherwise in an existing stream, in words; empty if all is well. */
export function differencesOf(wanted: Partial<StreamConfig>, existing: Partial<StreamConfig>): string[] {
  return vital.flatMap((setting) => {
    const want = JSON.stringify(wanted[setting] ?? false);
    const have = JSON.stringify(existing[setting] ?? false);
    return want === have ? [] : [`${setting} is ${have}, needed is ${want}`];
  });
}

/** Key-value buckets: what must not be in an event, or is no fact of the plant. */
export type BucketName = 'accounts' | 'sessions' | 'checkpoints' | 'heartbeats' | 'idempotency' | 'leases' | 'rebuilds';

const bucketDays: Record<BucketName, number> = {
  accounts: 0,
  sessions: 7,
  checkpoints: 0,
  heartbeats: 0,
  idempotency: 1,
  leases: 0,
  rebuilds: 0,
};
/** Lets an entry say how long it lives; what is left in its place when it ends is kept this long. */
const MARKER_MS = 1_000;

/**
 * Opens a bucket, making it if it is missing. Entries of `sessions` end after 7 days, of `idempotency` after 1, of `leases`
 * when they say so, others never.
 */
export function bucket(nc: NatsConnection, name: BucketName): Promise<KV> {
  const { STREAM_REPLICAS: replicas = 1 } = readSettings(environmentSettings, process.env);
  const ttl = bucketDays[name] * DAY_MS;
  const ownTime = name === 'leases' ? { markerTTL: MARKER_MS } : {};
  return new Kvm(nc).create(name, { history: 1, ttl, replicas, timeout: API_MS_MAX, ...ownTime });
}
