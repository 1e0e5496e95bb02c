import { noiseAt, noiseOf, seedOf, smooth, wanderAt } from './chance.ts';
import type { Values } from './effects.ts';
import { type Fault, faultsAt, withFault } from './faults.ts';

/** One step of the plant: each twin is observed once. */
export const TICK_SECONDS = 10;

/** A plant is its seed and the instant (epoch milliseconds) of its tick 0, which tells the hour of the day. */
export type Plant = { seed: number; epochMs: number };

/** What every twin shows at a tick, and which injected faults are behind it. */
export type Observed = { readings: ReadonlyMap<string, Values>; faults: readonly Fault[] };

/**
 * The whole plant at a tick, healthy signals and injected faults together. A pure function: any tick may be asked for
 * at any time, and the same plant answers the same. Values are rounded to 0.01.
 */
export function observe(plant: Plant, tick: number): Observed {
  const faults = faultsAt(plant.seed, tick);
  const readings = new Map<string, Values>();
  for (const [twinId, machine] of machines) {
    const ownFaults = faults.filter((fault) => fault.twinId === twinId);
    const valuesAt = (at: number) => machine(momentOf(plant, twinId, at));
    const values = ownFaults.reduce((before, fault) => withFault(before, fault, tick, valuesAt), valuesAt(tick));
    readings.set(twinId, rounded(values));
  }
  return { readings, faults };
}

/** How busy the plant is, 0..1: low at night, highest in the early afternoon (UTC), wandering a little. */
export function loadAt(plant: Plant, tick: number): number {
  const load = dailyLoad(plant, tick) + 0.08 * wanderAt(seedOf(plant.seed, 'load'), tick, LOAD_TURN_TICKS);
  return Math.min(1, Math.max(0, load));
}
const LOAD_TURN_TICKS = 180;
const LOAD_SWING = 0.38;
const DAY_SECONDS = 86_400;
/** The load crosses its mean upwards at 8 o'clock. */
const MORNING_SECONDS = 8 * 3600;

function dailyLoad(plant: Plant, tick: number): number {
  return 0.5 + LOAD_SWING * Math.sin(dayAngle(plant, tick));
}

function dayAngle({ epochMs }: Plant, tick: number): number {
  return (2 * Math.PI * (epochMs / 1000 + tick * TICK_SECONDS - MORNING_SECONDS)) / DAY_SECONDS;
}

/** What a healthy machine's signals are made of at one tick. */
type Moment = {
  plant: Plant;
  tick: number;
  load: number;
  /** Autocorrelated noise of one signal: mean 0, deviation 1. */
  noise: (signal: string) => number;
  /** A slow drift within ±1, turning about every hour. */
  drift: (signal: string) => number;
};

/** How much of a signal's noise remains after 10 s. */
const NOISE_KEPT = 0.8;
const DRIFT_TURN_TICKS = 360;

function momentOf(plant: Plant, twinId: string, tick: number): Moment {
  return {
    plant,
    tick,
    load: loadAt(plant, tick),
    noise: (signal) => noiseAt(noiseOf(seedOf(plant.seed, `${twinId}.${signal}`), NOISE_KEPT), tick),
    drift: (signal) => wanderAt(seedOf(plant.seed, `${twinId}.${signal}.drift`), tick, DRIFT_TURN_TICKS),
  };
}

/** The healthy machines, each well inside its limits; what depends on what is in the formulas. */
const machines = new Map<string, (moment: Moment) => Values>([
  [
    'drillrig1',
    ({ load, noise, drift }) => {
      const torque = 96 + 14 * load + 3 * drift('torque') + 3.5 * noise('torque');
      const pressure = 34 + 0.15 * (torque - 100) + 1.2 * noise('pressure');
      const vibration = 50 + 0.25 * (torque - 100) + 2 * noise('vibration');
      return { torque, pressure, vibration };
    },
  ],
  [
    'wellhead1',
    ({ noise, drift }) => {
      const pressure = 36 + 1.5 * drift('pressure') + 0.7 * noise('pressure');
      const temperature = 74 + 2 * drift('temperature') + 0.5 * noise('temperature');
      const flowRate = 300 + 7 * (pressure - 36) + 4 * noise('flowRate');
      return { pressure, temperature, flowRate };
    },
  ],
  [
    'pipeline1',
    ({ load, noise, drift }) => {
      const flowRate = 285 + 60 * load + 5 * drift('flowRate') + 4 * noise('flowRate');
      // The more flows, the more pressure is lost on the way.
      const pressure = 38 - 0.05 * (flowRate - 285) + 0.6 * noise('pressure');
      const temperature = 66 + 3 * load + drift('temperature') + 0.4 * noise('temperature');
      return { pressure, flowRate, temperature };
    },
  ],
  [
    'compressor1',
    ({ load, noise, drift }) => ({
      energyConsumption: 380 + 280 * load + 20 * drift('energyConsumption') + 12 * noise('energyConsumption'),
      status: 1,
    }),
  ],
  [
    'refinery1',
    ({ load, noise, drift }) => {
      const throughput = 235 + 130 * load + 8 * drift('throughput') + 6 * noise('throughput');
      const temperature = 74 + 0.03 * (throughput - 300) + 0.5 * noise('temperature');
      const pressure = 33 + 0.02 * (throughput - 300) + 0.6 * noise('pressure');
      return { temperature, pressure, throughput };
    },
  ],
  [
    'retail1',
    ({ plant, tick, load, noise, drift }) => ({
      fuelInventory: inventoryAt(plant, tick) + 6 * noise('fuelInventory'),
      sales: SALES_BASE + SALES_PER_LOAD * load + 12 * drift('sales') + 14 * noise('sales'),
    }),
  ],
  [
    'turbine1',
    ({ load, noise, drift }) => {
      const temperature = 94 + 24 * load + 2 * drift('temperature') + 1.2 * noise('temperature');
      const pressure = 35 + 4 * load + 0.6 * noise('pressure');
      const vibration = 46 + 0.35 * (temperature - 105) + 1.8 * noise('vibration');
      return { temperature, pressure, vibration };
    },
  ],
  [
    'transformer1',
    ({ load, noise, drift }) => {
      const current = 11 + 6 * load + 0.4 * drift('current') + 0.35 * noise('current');
      const voltage = 115.8 - 0.15 * (current - 11) + 0.3 * drift('voltage') + 0.12 * noise('voltage');
      return { voltage, current };
    },
  ],
]);

/** The twins of the plant, by id. */
export const plantTwins: readonly string[] = [...machines.keys()];

const SALES_BASE = 210;
const SALES_PER_LOAD = 220;
/** A tanker comes this often and unloads this long; then the tank is full. */
const DELIVERY_TICKS = 2880;
const UNLOADING_TICKS = 120;
const FULL_LITRES = 9600;
const LITRES_PER_SALE_AND_TICK = 0.0036;

/** The tank of the retail station, L: emptied by the day's usual sales, refilled by each delivery. */
function inventoryAt(plant: Plant, tick: number): number {
  const delivery = Math.floor(tick / DELIVERY_TICKS) * DELIVERY_TICKS;
  const sold = (from: number, to: number) => FULL_LITRES - litresSold(plant, from, to);
  const isUnloading = tick < delivery + UNLOADING_TICKS;
  if (!isUnloading) return sold(delivery + UNLOADING_TICKS, tick);
  const before = sold(delivery - DELIVERY_TICKS + UNLOADING_TICKS, delivery);
  return before + (FULL_LITRES - before) * smooth((tick - delivery) / UNLOADING_TICKS);
}

/** Litres that the usual sales of a day take between two ticks: the integral of the daily load. */
function litresSold(plant: Plant, from: number, to: number): number {
  const ticksPerRadian = DAY_SECONDS / TICK_SECONDS / (2 * Math.PI);
  const swing = LOAD_SWING * ticksPerRadian * (Math.cos(dayAngle(plant, from)) - Math.cos(dayAngle(plant, to)));
  const loadSum = 0.5 * (to - from) + swing;
  return LITRES_PER_SALE_AND_TICK * (SALES_BASE * (to - from) + SALES_PER_LOAD * loadSum);
}

function rounded(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Math.round(value * 100) / 100]));
}
