import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Report, reportSchema } from '@stratum/contracts/job/job.ts';
import { deviceReadingSchema } from '@stratum/contracts/telemetry/telemetry.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { isShadow } from '@stratum/infra/event-store/inbox.ts';
import { lastSequence, type RawMessage, readStream } from '@stratum/infra/event-store/reader.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { seedTwins } from '../twin/seed.ts';
import { faultsAt } from './faults.ts';
import { plantTwins } from './plant.ts';
import { labelSchema } from './truth.ts';

const DAY_READINGS = 69_120;
const STOP_MS_MAX = 4_000;

/** A server with the streams and the twins, and an empty folder for what the simulator remembers. */
async function startPlant() {
  const server = await startNats({ mqtt: true });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const nc = await connectNats(server.url, { name: 'test' });
  onTestFinished(() => nc.close());
  await ensureStreams(nc);
  await seedTwins({ store: openStore(nc), now: () => new Date() });
  const folder = await mkdtemp(join(tmpdir(), 'stratum-simulator-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { server, nc, folder };
}
type Plant = Awaited<ReturnType<typeof startPlant>>;

/** Starts the simulator as a process of its own; `ready` resolves with its ready line. */
function simulate({ server, folder }: Plant, environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url))], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: server.url,
      MQTT_URL: server.mqttUrl,
      DATA_DIR: folder,
      LOG_LEVEL: 'error',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const ready = () => waitFor(() => out.includes('"ready":true'), { what: 'the simulator to be ready', msMax: 60_000 });
  return { child, ready };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = await exited;
  return code;
}

/** What came in over MQTT is behind the day before. */
const LIVE_FROM = DAY_READINGS + 1;

/** Everything in DEVICES by now, from a sequence on. */
async function inbox({ nc }: Plant, from = 1): Promise<RawMessage[]> {
  const { last } = await lastSequence(nc, 'DEVICES');
  const all: RawMessage[] = [];
  if (last < from) return all;
  const ending = new AbortController();
  await readStream(nc, {
    stream: 'DEVICES',
    from,
    signal: ending.signal,
    onBatch: async (messages) => {
      all.push(...messages);
      if ((messages.at(-1)?.sequence ?? 0) >= last) ending.abort();
    },
  });
  return all;
}

const isTelemetry = ({ subject }: RawMessage) => subject.endsWith('.telemetry');
const isByMqtt = ({ headers }: RawMessage) => (headers.get('Nmqtt-Pub') ?? '') !== '';
/** Each message of QoS 1 is there twice: as it came, and as the copy that is acted on. */
const isActedOn = (message: RawMessage) => isByMqtt(message) && !isShadow(message);
const instantsOf = (messages: RawMessage[], twinId: string) =>
  messages
    .filter(({ subject }) => subject === `twins.${twinId}.telemetry`)
    .map(({ data }) =>
      Date.parse(deviceReadingSchema.parse(JSON.parse(Buffer.from(data).toString())).observedAt ?? ''),
    );

/** A reading every 10 s for a day, of each twin, in order, none twice. */
function expectOneDay(messages: RawMessage[]): void {
  const backfilled = messages.filter((message) => isTelemetry(message) && !isByMqtt(message));
  expect(backfilled).toHaveLength(DAY_READINGS);
  for (const twinId of plantTwins) {
    const instants = instantsOf(backfilled, twinId);
    expect(instants).toHaveLength(DAY_READINGS / 8);
    expect(instants.every((instant, index) => instant === (instants[0] ?? 0) + index * 10_000)).toBe(true);
  }
}

test('a first start makes up the day before, then devices report over MQTT; a second start only goes on', async () => {
  const plant = await startPlant();
  const startedMs = performance.now();
  const first = simulate(plant, { SPEED: '60' });
  await first.ready();
  expect(performance.now() - startedMs).toBeLessThan(30_000);
  const live = async () =>
    (await inbox(plant, LIVE_FROM)).filter((message) => isTelemetry(message) && isActedOn(message));
  const enough = await waitFor(async () => ((await live()).length >= 40 ? live() : undefined), {
    what: 'live readings',
  });
  expect(await end(first.child, 'SIGTERM')).toBe(0);
  expectOneDay(await inbox(plant));

  const instants = instantsOf(enough, 'turbine1');
  expect(instants.toSorted()).toEqual(instants);
  expect(instants.at(-1) ?? 0).toBeLessThanOrEqual(Date.now());

  const before = (await live()).length;
  const second = simulate(plant, { SPEED: '60' });
  await second.ready();
  await waitFor(async () => (await live()).length > before, { what: 'live readings again' });
  await end(second.child, 'SIGTERM');
  expectOneDay(await inbox(plant));

  const lines = (await readFile(join(plant.folder, 'simulator', 'truth.ndjson'), 'utf8')).trim().split('\n');
  const labels = lines.map((line) => labelSchema.parse(JSON.parse(line)));
  const begun = new Set(Array.from({ length: 8640 }, (_, tick) => faultsAt(7, tick).map(({ id }) => id)).flat());
  expect(new Set(labels.map(({ id }) => id)).isSupersetOf(begun)).toBe(true);
  expect(labels.filter(({ to }) => to !== null && Date.parse(to) > Date.now())).toEqual([]);
}, 90_000);

test('a back-fill that was killed goes on behind what the broker has', async () => {
  const plant = await startPlant();
  const first = simulate(plant);
  const isHalfway = async () => (await lastSequence(plant.nc, 'DEVICES')).last > 15_000;
  await waitFor(isHalfway, { what: 'half of the back-fill', msMax: 60_000, pollMs: 5 });
  await end(first.child, 'SIGKILL');
  expect((await lastSequence(plant.nc, 'DEVICES')).last).toBeLessThan(DAY_READINGS);
  const second = simulate(plant);
  await second.ready();
  await end(second.child, 'SIGTERM');
  expectOneDay(await inbox(plant));
}, 90_000);

test('a signal in the middle of the back-fill ends the process in time', async () => {
  const plant = await startPlant();
  const { child } = simulate(plant);
  await waitFor(async () => (await lastSequence(plant.nc, 'DEVICES')).last > 1_000, {
    what: 'the back-fill to begin',
    msMax: 60_000,
  });
  const startedMs = performance.now();
  expect(await end(child, 'SIGTERM')).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(STOP_MS_MAX);
}, 90_000);

test('a shopfloor makes what it is told, once, though it is killed and told twice', async () => {
  const plant = await startPlant();
  const first = simulate(plant, { SPEED: '60' });
  await first.ready();
  const office = await mqtt.connectAsync(plant.server.mqttUrl, { protocolVersion: 4, clientId: 'office' });
  onTestFinished(() => office.endAsync(true));
  const instruct = (n: number, quantity: number) => {
    const instruction = { orderId: `ORD-000000000${n}`, description: 'Cola Bottles 500ml', quantity, material: 'PET' };
    return office.publishAsync('shopfloor/shopfloor1/instructions', JSON.stringify(instruction), { qos: 1 });
  };
  const from = async (leaf: string) =>
    (await inbox(plant, LIVE_FROM)).filter(({ subject }) => subject === `shopfloor.shopfloor1.${leaf}`);
  const reports = () => from('reports');
  await waitFor(async () => (await from('heartbeat')).length > 0, { what: 'a heartbeat' });
  await instruct(1, 5_000);
  await instruct(1, 5_000);
  await waitFor(async () => (await reports()).length > 4, { what: 'the first reports' });
  await end(first.child, 'SIGKILL');
  // What is sent while the floor is away waits for it at the broker.
  await instruct(2, 700);
  const second = simulate(plant, { SPEED: '60' });
  await second.ready();
  await instruct(1, 5_000);
  const totals = async () => totalsOf(await reports());
  const isMade = async () => {
    const { made } = await totals();
    return (made.get('ORD-0000000001') ?? 0) >= 5_000 && (made.get('ORD-0000000002') ?? 0) >= 700;
  };
  await waitFor(isMade, { what: 'both orders to be made', msMax: 60_000, pollMs: 200 });
  await end(second.child, 'SIGTERM');
  const { made, defective } = await totals();
  expect(Object.fromEntries(made)).toEqual({ 'ORD-0000000001': 5_000, 'ORD-0000000002': 700 });
  expect(defective).toBeGreaterThan(0);
}, 120_000);

/** Pieces per order; a report that came twice counts once, as it does in Stratum. */
function totalsOf(messages: RawMessage[]) {
  const reports = new Map<string, Report>();
  for (const { data } of messages) {
    const report = reportSchema.parse(JSON.parse(Buffer.from(data).toString()));
    reports.set(JSON.stringify([report.orderId, report.timestamp, report.produced, report.defective]), report);
  }
  const made = new Map<string, number>();
  for (const { orderId, produced, defective } of reports.values()) {
    made.set(orderId, (made.get(orderId) ?? 0) + produced + defective);
  }
  return { made, defective: [...reports.values()].reduce((sum, report) => sum + report.defective, 0) };
}
