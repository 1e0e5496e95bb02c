import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from '../event-store/connection.ts';
import { isCopied } from '../event-store/inbox.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readLast } from '../event-store/read.ts';
import { lastSequence } from '../event-store/reader.ts';
import { askHealth } from '../health.ts';
import { onProgress } from '../projector/live.ts';
import { signIn } from '../testing/api-client.ts';
import { startPlant, type TestPlant } from '../testing/plant.ts';
import { waitFor } from '../testing/waitFor.ts';
import { atMost, exactly, type Findings } from './figures.ts';
import { type Counted, countAlerts, countReadings } from './fleet-count.ts';
import { quantile } from './measure.ts';
import { LIMIT_HIGH, startLoad } from './mqtt-load.ts';
import { type Usage, watchProcesses } from './processes.ts';

const TWINS = Number(process.env.TWINS ?? 1000);
const SECONDS = Number(process.env.SECONDS ?? 60);
/** One reading in so many crosses a limit: at 1 Hz every twin raises an alert, and clears it, every five minutes. */
const CROSSING_EVERY = Number(process.env.CROSSING_EVERY ?? 300);
const ALERT_MS_ASKED = 500;
/** Fleet twins stand at a site of their own, so that the simulator's are not counted. */
const SITE = 'fleet';
const COMMISSIONS_AT_ONCE = 16;
const LOOK_EVERY_MS = 1_000;
const HEALTH_MS_MAX = 2_000;
/** A plant that was overtaken may take as long as this to come to rest. */
const SETTLED_MS_MAX = 900_000;

/** A fleet's readings, what became of them, and what that cost. */
export type FleetResult = Counted & {
  sent: number;
  acknowledged: number;
  /** The devices' own pace: what they sent, by the seconds they took. */
  sentPerSecond: number;
  lags: Record<Stage, { max: number; atEnd: number }>;
  /** From the last acknowledgement until the last reading is recorded, judged and in the read models, seconds. */
  settledSeconds: Record<Stage, number>;
  alerts: { expected: number; raised: number; doubled: number; p50Ms: number; p99Ms: number };
  usage: Usage[];
};

/** `recorded`: in TELEMETRY; `judged`: by the alert reactor; `written`: in the read model twin_state. */
type Stage = 'recorded' | 'judged' | 'written';

/** Starts a plant as `make run` does and lets a fleet report. */
export async function benchFleet(): Promise<Findings> {
  await using plant = await startPlant();
  const result = await measureFleet(plant, TWINS, SECONDS);
  const { alerts, lags, usage, settledSeconds } = result;
  const stages = ['recorded', 'judged', 'written'] as const;
  return {
    name: 'fleet',
    how:
      `${TWINS} twins report at 1 Hz for ${SECONDS} s over MQTT (QoS 1) to a plant as \`make run\` starts it, alerts on: one reading in ` +
      `${CROSSING_EVERY} crosses a limit. The devices are simulated on the same machine and count as a program (\`devices\`). Alert times: from the ` +
      'publish of the reading that crosses until AlertRaised is in the log.',
    command: `make bench-fleet TWINS=${TWINS} SECONDS=${SECONDS}`,
    versions: {},
    tables: [
      {
        title: 'Readings and alerts',
        columns: ['what', 'count or ms'],
        rows: [
          ['sent', result.sent],
          ['sent per second', result.sentPerSecond],
          ['acknowledged', result.acknowledged],
          ['recorded', result.recorded],
          ['lost', result.lost],
          ['doubled', result.doubled],
          ['publish → recorded, p50 ms', result.recordedP50Ms],
          ['publish → recorded, p99 ms', result.recordedP99Ms],
          ['alerts expected', alerts.expected],
          ['alerts raised', alerts.raised],
          ['alerts doubled', alerts.doubled],
          ['publish → AlertRaised, p50 ms', alerts.p50Ms],
          ['publish → AlertRaised, p99 ms', alerts.p99Ms],
        ],
      },
      {
        title: 'Readings behind the broker’s acknowledgement, looked at once a second',
        columns: ['stage', 'most', 'at the end', 'settled after s'],
        rows: stages.map((stage) => [stage, lags[stage].max, lags[stage].atEnd, settledSeconds[stage]]),
      },
      {
        title: 'Programs, from the first reading until the last is settled',
        columns: ['program', 'CPU %, mean', 'CPU %, max', 'CPU µs a reading', 'RSS MiB, mean', 'RSS MiB, max'],
        rows: [...usage, sumOf(usage)].map((one) => [
          one.name,
          one.cpuPercentMean,
          one.cpuPercentMax,
          (one.cpuSeconds * 1e6) / result.sent,
          one.rssMebibytesMean,
          one.rssMebibytesMax,
        ]),
      },
    ],
    figures: [
      exactly('readings lost', 0, result.lost),
      exactly('readings doubled', 0, result.doubled),
      exactly('alerts raised for crossings', alerts.expected, alerts.raised),
      exactly('alerts doubled', 0, alerts.doubled),
      atMost('publish → AlertRaised, p99', ALERT_MS_ASKED, alerts.p99Ms, 'ms'),
      atMost('readings behind, most: one second’s', TWINS, lags.recorded.max, ''),
    ],
  };
}

/**
 * `twins` devices report once a second for `seconds`; afterwards everything that the broker acknowledged is looked for in
 * the log, one by one, and each crossing's alert in the plant's log. Nothing is read while they report but positions.
 */
export async function measureFleet(plant: TestPlant, twins: number, seconds: number): Promise<FleetResult> {
  const nc = await connectNats(plant.urls.nats, { name: 'bench-fleet' });
  const twinIds = Array.from({ length: twins }, (_, index) => `fleet-${String(index).padStart(5, '0')}`);
  try {
    const written = { position: 0 };
    onProgress(nc, ({ name, position }) => {
      if (name === 'twin_state') written.position = position;
    });
    say(`commissioning ${twins} twins`);
    await commission(nc, plant, twinIds);
    say('waiting for the plant to be at rest: a first start has a day of history to take in');
    await settle(nc, written);
    say(`${twins} twins report for ${seconds} s`);
    const telemetryFrom = (await lastSequence(nc, 'TELEMETRY')).last + 1;
    const plantFrom = (await lastSequence(nc, 'PLANT')).last + 1;
    const load = await startLoad(plant.urls.mqtt, { twinIds, seconds, crossingEvery: CROSSING_EVERY });
    const stopWatching = watchProcesses(() => pidsOf(plant));
    const looks: Look[] = [];
    const look = async () => looks.push(await lookAt(nc, load.acknowledgedCount(), written.position));
    const looking = setInterval(look, LOOK_EVERY_MS);
    const sentSeconds = await load.sent.finally(() => clearInterval(looking));
    await look();
    const isAcknowledged = () => load.acknowledgedCount() === load.sentCount();
    await waitFor(isAcknowledged, { what: 'every PUBACK', msMax: SETTLED_MS_MAX });
    say('waiting for what is under way');
    const settledSeconds = await settle(nc, written);
    const usage = stopWatching();
    load.close();
    say('counting');
    const counted = await countReadings(nc, {
      from: telemetryFrom,
      site: SITE,
      twinIds,
      seconds,
      acknowledged: load.acknowledged,
      upTo: looks.map(({ telemetryLast }) => telemetryLast),
    });
    const { raisedMs, doubled } = await countAlerts(nc, plantFrom, SITE);
    return {
      ...counted,
      sent: load.sentCount(),
      acknowledged: load.acknowledgedCount(),
      sentPerSecond: load.sentCount() / sentSeconds,
      lags: lagsOf(looks, counted.recordedUpTo),
      settledSeconds,
      alerts: {
        expected: load.crossingCount(),
        raised: raisedMs.length,
        doubled,
        p50Ms: quantile(raisedMs, 0.5),
        p99Ms: quantile(raisedMs, 0.99),
      },
      usage,
    };
  } finally {
    await nc.close();
  }
}

function say(what: string): void {
  console.log(`${new Date().toISOString()} ${what}`);
}

async function commission(nc: NatsConnection, plant: TestPlant, twinIds: readonly string[]): Promise<void> {
  // In a data folder that was kept they are there.
  const newest = await readLast(publisherOf(nc), 'PLANT', `plant.${SITE}.twin.${twinIds[0]}`);
  if (newest !== undefined) return;
  const admin = await signIn(plant.urls.web, 'admin', plant.password);
  const parameters = [{ key: 'value', name: 'Value', unit: 'u', limits: { low: -1, high: LIMIT_HIGH } }];
  const waiting = [...twinIds];
  const lane = async () => {
    for (let twinId = waiting.pop(); twinId !== undefined; twinId = waiting.pop()) {
      const kind = { twinType: 'fleet', valueStream: 'Other', site: SITE, reportingPeriodSeconds: 1 };
      await admin('POST', '/api/twins', { twinId, name: twinId, ...kind, parameters });
    }
  };
  await Promise.all(Array.from({ length: COMMISSIONS_AT_ONCE }, lane));
}

function pidsOf(plant: TestPlant): Record<string, number> {
  const { starter, children } = plant.run();
  const programs = children.map(({ name, pid }) => [name, pid] as const);
  return { ...Object.fromEntries(programs), starter: starter.pid, devices: process.pid };
}

/** How far everything was at one moment. Positions are sequences of TELEMETRY. */
type Look = { acknowledged: number; telemetryLast: number; judged: number; written: number };

async function lookAt(nc: NatsConnection, acknowledged: number, written: number): Promise<Look> {
  const [{ last }, health] = await Promise.all([lastSequence(nc, 'TELEMETRY'), askHealth(nc, 'worker', HEALTH_MS_MAX)]);
  return { acknowledged, telemetryLast: last, judged: health['worker/alert']?.position ?? 0, written };
}

/** What is recorded and not judged, or not written, is behind by what is not recorded as well. */
function lagsOf(looks: readonly Look[], recordedUpTo: readonly number[]): FleetResult['lags'] {
  const behind = looks.map(({ acknowledged, telemetryLast, judged, written }, index) => {
    const recorded = Math.max(0, acknowledged - (recordedUpTo[index] ?? 0));
    const after = (position: number) => recorded + Math.max(0, telemetryLast - position);
    return { recorded, judged: after(judged), written: after(written) };
  });
  const of = (stage: Stage) => ({
    max: Math.max(0, ...behind.map((one) => one[stage])),
    atEnd: behind.at(-1)?.[stage] ?? 0,
  });
  return { recorded: of('recorded'), judged: of('judged'), written: of('written') };
}

/** Waits until all that the broker has acknowledged is recorded, judged and written, in turn; answers the seconds that took. */
async function settle(nc: NatsConnection, written: { position: number }): Promise<Record<Stage, number>> {
  const patience = { msMax: SETTLED_MS_MAX, pollMs: 50 };
  const startedMs = performance.now();
  const since = () => (performance.now() - startedMs) / 1000;
  const position = async (part: string) => (await askHealth(nc, 'worker', HEALTH_MS_MAX))[part]?.position ?? 0;
  await waitFor(() => isCopied(nc), { what: 'DEVICES to hold all messages', ...patience });
  const devices = await lastSequence(nc, 'DEVICES');
  const isTaken = async () => (await position('worker/telemetry')) >= devices.last;
  await waitFor(isTaken, { what: 'all readings to be recorded', ...patience });
  const recorded = since();
  const telemetry = await lastSequence(nc, 'TELEMETRY');
  const isJudged = async () => (await position('worker/alert')) >= telemetry.last;
  await waitFor(isJudged, { what: 'all readings to be judged', ...patience });
  const judged = since();
  await waitFor(() => written.position >= telemetry.last, { what: 'all readings to be written', ...patience });
  return { recorded, judged, written: since() };
}

function sumOf(usage: readonly Usage[]): Usage {
  const sum = (of: (one: Usage) => number) => usage.reduce((total, one) => total + of(one), 0);
  return {
    name: 'all',
    cpuPercentMean: sum((one) => one.cpuPercentMean),
    cpuPercentMax: Number.NaN,
    cpuSeconds: sum((one) => one.cpuSeconds),
    rssMebibytesMean: sum((one) => one.rssMebibytesMean),
    rssMebibytesMax: sum((one) => one.rssMebibytesMax),
  };
}
