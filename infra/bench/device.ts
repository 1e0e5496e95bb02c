import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Collection } from 'mongodb';
import { connectAsync, type MqttClient } from 'mqtt';
import { connectNats } from '../event-store/connection.ts';
import { lastSequence } from '../event-store/reader.ts';
import { openDatabase } from '../projector/database.ts';
import { openReadModels } from '../projector/read-models.ts';
import { type ApiClient, signIn } from '../testing/api-client.ts';
import { startPlant, type TestPlant } from '../testing/plant.ts';
import { waitFor } from '../testing/waitFor.ts';
import type { Findings } from './figures.ts';
import { quantile } from './measure.ts';

/** Twins that take turns, so that each sample is seen before its twin's next: a document is written every 2 s at most. */
const TWINS = 60;
const SAMPLES = 300;
const SAMPLE_EVERY_MS = 60;
/** How often the documents are looked at; the figures are no finer than this. */
const LOOK_EVERY_MS = 10;
const SEEN_MS_MAX = 20_000;
const CAUGHT_UP_MS_MAX = 180_000;

/** Milliseconds from the device's publish until something was seen. */
export type Latency = { name: string; p50Ms: number; p99Ms: number };

type State = { _id: string; values: Record<string, number>; _position: number };
type Bare = { _id: string; values: Record<string, number> };

/** Starts a plant as `make run` does and measures it. */
export async function benchDevice(): Promise<Findings> {
  await using plant = await startPlant();
  const latencies = await measureDevice(plant);
  const written = latencies[1];
  const beside = (ms: number, bareMs: number | undefined) =>
    bareMs === undefined ? '' : `${(ms / bareMs).toFixed(2)}×`;
  return {
    name: 'device',
    how: `From a device’s publish (MQTT, QoS 1) until it is there; ${SAMPLES} samples, every one seen in all four ways.`,
    command: 'make bench-device',
    versions: {},
    tables: [
      {
        title: 'From device to reader',
        columns: ['seen by', 'p50 ms', 'p99 ms', 'p50 × bare that writes', 'p99 × bare that writes'],
        rows: latencies.map(({ name, p50Ms, p99Ms }) => [
          name,
          p50Ms,
          p99Ms,
          beside(p50Ms, written?.p50Ms),
          beside(p99Ms, written?.p99Ms),
        ]),
      },
    ],
    figures: [],
  };
}

/**
 * From a device's publish over MQTT (QoS 1) until its value is there: for a bare client that reads the same message from
 * JetStream with the client's own ordered consumer; for a bare client that also writes one document with the driver; and through Stratum, in the live feed and in
 * the read model. All watch the same publishes.
 */
export async function measureDevice(plant: TestPlant): Promise<Latency[]> {
  const nc = await connectNats(plant.urls.nats, { name: 'bench' });
  const opened = await openDatabase(plant.urls.mongodb, 'bench');
  const device = await connectAsync(plant.urls.mqtt, { protocolVersion: 4 });
  const ending = new AbortController();
  try {
    using models = openReadModels(opened.database, nc);
    const states = models.collection<State>('twin_state');
    const bare = opened.database.collection<Bare>('bench_bare');
    await commissionTwins(await signIn(plant.urls.web, 'admin', plant.password), 'bench', TWINS);
    // A first start has a day of history to take in before the first sample counts.
    await publish(device, twinIdAt('bench', 0), 0);
    const isThere = async () => (await states.findOne({ _id: twinIdAt('bench', 0) })) !== null;
    await waitFor(isThere, { what: 'the history to be taken in', msMax: CAUGHT_UP_MS_MAX, pollMs: 200 });
    const seen: Seen = { consumer: new Map(), written: new Map(), live: new Map(), readable: new Map() };
    const watching = watch(nc, bare, seen, ending.signal);
    const looking = look(states, seen.readable, ending.signal);
    const started = new Map<number, number>();
    for (let sample = 1; sample <= SAMPLES; sample++) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS));
      started.set(sample, performance.now());
      await publish(device, twinIdAt('bench', sample % TWINS), sample);
    }
    await waitFor(() => Object.values(seen).every((times) => times.size === SAMPLES), {
      what: 'every sample to be seen everywhere',
      msMax: SEEN_MS_MAX,
    });
    ending.abort();
    await Promise.all([watching, looking]);
    await bare.drop();
    return [
      latencyOf('bare client: message delivered', started, seen.consumer),
      latencyOf('bare client: delivered and one document written', started, seen.written),
      latencyOf('Stratum: document in the live feed', started, seen.live),
      latencyOf('Stratum: document readable', started, seen.readable),
    ];
  } finally {
    ending.abort();
    await device.endAsync();
    await opened[Symbol.asyncDispose]();
    await nc.close();
  }
}

/** Id of one of a benchmark's own twins. */
export function twinIdAt(prefix: string, index: number): string {
  return `${prefix}-${String(index).padStart(4, '0')}`;
}

/** Commissions `count` twins with one parameter, `value` within 0–1,000,000, `at` most 16 at once. */
export async function commissionTwins(
  admin: ApiClient,
  prefix: string,
  count: number,
  high = 1_000_000,
): Promise<void> {
  const lanes = 16;
  const lane = async (first: number) => {
    for (let index = first; index < count; index += lanes) {
      await admin('POST', '/api/twins', {
        twinId: twinIdAt(prefix, index),
        name: `Bench ${index}`,
        twinType: 'bench',
        valueStream: 'Other',
        parameters: [{ key: 'value', name: 'Value', unit: 'u', limits: { low: -1, high } }],
      });
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, first) => lane(first)));
}

async function publish(device: MqttClient, twinId: string, value: number): Promise<void> {
  await device.publishAsync(`twins/${twinId}/telemetry`, JSON.stringify({ values: { value } }), { qos: 1 });
}

type Seen = Record<'consumer' | 'written' | 'live' | 'readable', Map<number, number>>;

/** Looks at the documents again and again, as a dashboard that polls would, and notes when each sample is first there. */
async function look(states: Collection<State>, readable: Map<number, number>, signal: AbortSignal): Promise<void> {
  const ids = Array.from({ length: TWINS }, (_, index) => twinIdAt('bench', index));
  while (!signal.aborted) {
    for (const { values } of await states.find({ _id: { $in: ids } }).toArray()) {
      if (values.value !== 0) note(readable, values.value);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** The bare clients, and a listener of the live feed: each notes when it had a sample. */
async function watch(nc: NatsConnection, bare: Collection<Bare>, seen: Seen, signal: AbortSignal): Promise<void> {
  const live = nc.subscribe('live.twin_state.*', {
    callback: (error, message) => {
      if (error !== null || !message.subject.includes('bench-')) return;
      const { value } = message.json<State>().values;
      if (value !== 0) note(seen.live, value);
    },
  });
  const js = jetstream(nc);
  const { last } = await lastSequence(nc, 'DEVICES');
  const options = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: last + 1 };
  const consumer = await js.consumers.get('DEVICES', options);
  const messages = await consumer.consume();
  signal.addEventListener('abort', () => messages.stop(), { once: true });
  for await (const message of messages) {
    if (!message.subject.startsWith('twins.bench-')) continue;
    const { values } = message.json<Bare>();
    const sample = values.value;
    // A message of QoS 1 is there twice, as the broker keeps it and as it is copied: the first that comes is written.
    if (sample === undefined || sample === 0 || seen.consumer.has(sample)) continue;
    note(seen.consumer, sample);
    await bare.replaceOne({ _id: message.subject }, { values }, { upsert: true });
    note(seen.written, sample);
  }
  live.unsubscribe();
}

function note(times: Map<number, number>, sample: number | undefined): void {
  if (sample !== undefined && !times.has(sample)) times.set(sample, performance.now());
}

function latencyOf(name: string, started: Map<number, number>, seen: Map<number, number>): Latency {
  const all = [...started].map(([sample, at]) => (seen.get(sample) ?? Number.POSITIVE_INFINITY) - at);
  return { name, p50Ms: quantile(all, 0.5), p99Ms: quantile(all, 0.99) };
}
