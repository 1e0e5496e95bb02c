import { connectAsync, type MqttClient } from 'mqtt';
import { connectNats } from '../event-store/connection.ts';
import { lastSequence, readStream } from '../event-store/reader.ts';
import { signIn } from '../testing/api-client.ts';
import { startPlant, type TestPlant } from '../testing/plant.ts';
import { waitFor } from '../testing/waitFor.ts';
import { commissionTwins, twinIdAt } from './device.ts';
import { atMost, exactly, type Findings } from './figures.ts';
import { quantile } from './measure.ts';

const TWINS = Number(process.env.TWINS ?? 1000);
const SECONDS = Number(process.env.SECONDS ?? 60);
/** Devices share connections; a broker sees this many. */
const CONNECTIONS = 10;
const SETTLED_MS_MAX = 120_000;
const LAG_EVERY_MS = 1_000;
/** Every so many readings one crosses its limit, or comes back inside. */
const CROSSING_EVERY = 30;
const LIMIT_HIGH = 900_000;
const VALUE_OUTSIDE = 950_000;
/** A second's readings are sent in so many portions. */
const SLICES = 20;

/** What became of a fleet's readings: counts, and the delay from publish until recorded, milliseconds. */
export type FleetResult = {
  twins: number;
  seconds: number;
  sent: number;
  recorded: number;
  lost: number;
  doubled: number;
  alertsRaised: number;
  alertsExpected: number;
  /** Readings acknowledged to their device and not yet recorded, looked at once a second. */
  lagMax: number;
  lagAtEnd: number;
  recordedP50Ms: number;
  recordedP99Ms: number;
};

/** Starts a plant as `make run` does and lets a fleet report. */
export async function benchFleet(): Promise<Findings> {
  await using plant = await startPlant();
  const fleet = await measureFleet(plant, TWINS, SECONDS);
  return {
    name: 'fleet',
    how: `${TWINS} twins report at 1 Hz for ${SECONDS} s over MQTT (QoS 1), alerts on.`,
    command: `make bench-fleet TWINS=${TWINS} SECONDS=${SECONDS}`,
    versions: {},
    tables: [{ title: 'A fleet', columns: ['what', 'count or ms'], rows: Object.entries(fleet) }],
    figures: [
      exactly('readings lost', 0, fleet.lost),
      exactly('readings doubled', 0, fleet.doubled),
      exactly('alerts raised for crossings', fleet.alertsExpected, fleet.alertsRaised),
      atMost('lag is bounded by one second’s readings', fleet.twins, fleet.lagMax, ''),
    ],
  };
}

/**
 * `twins` devices report once a second for `seconds`, over MQTT with QoS 1 and alerts on; the readings that the broker
 * acknowledged are then looked for in the log, one by one, and the alerts in the plant's log.
 */
export async function measureFleet(plant: TestPlant, twins: number, seconds: number): Promise<FleetResult> {
  const prefix = 'fleet';
  const nc = await connectNats(plant.urls.nats, { name: 'bench-fleet' });
  const devices = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => connectAsync(plant.urls.mqtt, { protocolVersion: 4 })),
  );
  const ending = new AbortController();
  try {
    await commissionTwins(await signIn(plant.urls.web, 'admin', plant.password), prefix, twins, LIMIT_HIGH);
    const telemetryFrom = (await lastSequence(nc, 'TELEMETRY')).last + 1;
    const plantFrom = (await lastSequence(nc, 'PLANT')).last + 1;
    const recorded = new Map<string, number>();
    let doubled = 0;
    const delays: number[] = [];
    const readingTelemetry = readStream(nc, {
      stream: 'TELEMETRY',
      from: telemetryFrom,
      signal: ending.signal,
      onMessage: ({ subject, data, recordedAt }) => {
        const [, , twinId = ''] = subject.split('.');
        if (!twinId.startsWith(`${prefix}-`)) return;
        const { observedAt } = JSON.parse(new TextDecoder().decode(data));
        const key = `${twinId}@${observedAt}`;
        if (recorded.has(key)) doubled += 1;
        recorded.set(key, Date.parse(recordedAt));
        delays.push(Date.parse(recordedAt) - Date.parse(observedAt));
      },
    });
    let alertsRaised = 0;
    const readingPlant = readStream(nc, {
      stream: 'PLANT',
      from: plantFrom,
      signal: ending.signal,
      onMessage: ({ subject, headers }) => {
        if (subject.includes(`.alert.${prefix}-`) && headers.get('ce-type') === 'AlertRaised') alertsRaised += 1;
      },
    });
    const lags: number[] = [];
    const acknowledged = new Set<string>();
    const lagging = setInterval(() => lags.push(acknowledged.size - recorded.size), LAG_EVERY_MS);
    const alertsExpected = await report(devices, { prefix, twins, seconds, acknowledged });
    await waitFor(() => [...acknowledged].every((key) => recorded.has(key)), {
      what: `${acknowledged.size} readings to be recorded`,
      msMax: SETTLED_MS_MAX,
      pollMs: 500,
    }).catch(() => undefined);
    await waitFor(() => alertsRaised >= alertsExpected, {
      what: 'all alerts',
      msMax: SETTLED_MS_MAX,
      pollMs: 200,
    }).catch(() => undefined);
    clearInterval(lagging);
    const lagAtEnd = acknowledged.size - recorded.size;
    ending.abort();
    await Promise.all([readingTelemetry, readingPlant]);
    const lost = [...acknowledged].filter((key) => !recorded.has(key)).length;
    return {
      twins,
      seconds,
      sent: acknowledged.size,
      recorded: recorded.size,
      lost,
      doubled,
      alertsRaised,
      alertsExpected,
      lagMax: Math.max(0, ...lags),
      lagAtEnd,
      recordedP50Ms: quantile(delays, 0.5),
      recordedP99Ms: quantile(delays, 0.99),
    };
  } finally {
    ending.abort();
    await Promise.all(devices.map((device) => device.endAsync()));
    await nc.close();
  }
}

type Reporting = { prefix: string; twins: number; seconds: number; acknowledged: Set<string> };

/** Sends every twin's reading each second, spread over the second; answers how many of them cross the limit. */
async function report(devices: readonly MqttClient[], { prefix, twins, seconds, acknowledged }: Reporting) {
  const sending: Promise<void>[] = [];
  let crossings = 0;
  const started = performance.now();
  for (let slice = 0; slice < seconds * SLICES; slice++) {
    const early = (slice * 1000) / SLICES - (performance.now() - started);
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    const second = Math.floor(slice / SLICES);
    for (let index = slice % SLICES; index < twins; index += SLICES) {
      const isOutside = (second + index) % CROSSING_EVERY === CROSSING_EVERY - 1;
      if (isOutside) crossings += 1;
      const device = devices[index % devices.length];
      if (device === undefined) continue;
      sending.push(send(device, twinIdAt(prefix, index), isOutside ? VALUE_OUTSIDE : second, acknowledged));
    }
  }
  await Promise.all(sending);
  return crossings;
}

async function send(device: MqttClient, twinId: string, value: number, acknowledged: Set<string>): Promise<void> {
  const observedAt = new Date().toISOString();
  await device.publishAsync(`twins/${twinId}/telemetry`, JSON.stringify({ observedAt, values: { value } }), { qos: 1 });
  acknowledged.add(`${twinId}@${observedAt}`);
}
