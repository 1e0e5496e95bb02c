import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { startPlant } from '../testing/plant.ts';
import { measureAppend } from './append.ts';
import { measureDevice } from './device.ts';
import { type FleetResult, measureFleet } from './fleet.ts';

/** Rounds per way of appending; figures are medians. */
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const TWINS = Number(process.env.TWINS ?? 1000);
const SECONDS = Number(process.env.SECONDS ?? 60);

/** One asked figure beside what was measured. */
type Figure = { name: string; asked: string; measured: string; isMet: boolean };

/** `make bench`: appends, latency from device to document, and a fleet, beside bare clients; writes `.data/bench/trunk.json`. */
async function main(): Promise<void> {
  const appends = await measureAppend(ROUNDS);
  console.log(`\nAppending, events/s (${ROUNDS} rounds each in turn, 256 in flight, guarded, on one nats-server)`);
  for (const { name, perSecond, barePerSecond, ratio } of appends) {
    console.log(
      `  ${name.padEnd(10)} ${whole(perSecond)}   bare js.publish with the same guard ${whole(barePerSecond)}   ${ratio.toFixed(2)}×`,
    );
  }
  await using plant = await startPlant();
  const latencies = await measureDevice(plant);
  const [, written, live, readable] = latencies;
  console.log('\nFrom a device’s publish (MQTT, QoS 1) until it is there, ms');
  for (const { name, p50Ms, p99Ms } of latencies) {
    console.log(`  ${name.padEnd(52)} p50 ${p50Ms.toFixed(1).padStart(6)}   p99 ${p99Ms.toFixed(1).padStart(6)}`);
  }
  if (written !== undefined && live !== undefined && readable !== undefined) {
    console.log(
      `  Stratum beside the bare client that writes: readable p50 ${(readable.p50Ms / written.p50Ms).toFixed(2)}×, p99 ${(readable.p99Ms / written.p99Ms).toFixed(2)}×; ` +
        `live feed p50 ${(live.p50Ms / written.p50Ms).toFixed(2)}×, p99 ${(live.p99Ms / written.p99Ms).toFixed(2)}×`,
    );
  }
  const fleet = await measureFleet(plant, TWINS, SECONDS);
  console.log(`\n${TWINS} twins × 1 Hz for ${SECONDS} s, alerts on`);
  for (const [name, value] of Object.entries(fleet)) console.log(`  ${name.padEnd(16)} ${whole(value)}`);

  const figures = figuresOf(fleet);
  console.log('');
  for (const figure of figures) {
    console.log(`  ${figure.isMet ? '✓' : '✗'} ${figure.name}: asked ${figure.asked}, measured ${figure.measured}`);
  }
  write('trunk', { machine: machine(), appends, latencies, fleet, figures });
  console.log(`${figures.filter(({ isMet }) => isMet).length} of ${figures.length} figures met`);
}

function figuresOf(fleet: FleetResult): Figure[] {
  const counted = (name: string, asked: number, measured: number): Figure => ({
    name,
    asked: String(asked),
    measured: String(measured),
    isMet: asked === measured,
  });
  return [
    counted('readings lost', 0, fleet.lost),
    counted('readings doubled', 0, fleet.doubled),
    counted('alerts raised for crossings', fleet.alertsExpected, fleet.alertsRaised),
    {
      name: 'lag is bounded: readings behind, most',
      asked: `≤ ${fleet.twins} (one second’s)`,
      measured: String(fleet.lagMax),
      isMet: fleet.lagMax <= fleet.twins,
    },
  ];
}

function machine(): { cpu: string; cores: number; node: string } {
  const all = cpus();
  return { cpu: all[0]?.model ?? 'unknown', cores: all.length, node: process.version };
}

function write(name: string, result: unknown): void {
  const folder = join(process.env.DATA_DIR ?? '.data', 'bench');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

function whole(value: number): string {
  return new Intl.NumberFormat('en').format(Math.round(value));
}

await main();
process.exit(0);
