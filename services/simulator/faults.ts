import { uniform } from './chance.ts';
import {
  BEARING_ALERT_MINUTES,
  CLOG_MINUTES,
  clogging,
  drawnOff,
  type Effect,
  FLOW_ALERT_MINUTES,
  leaking,
  overloaded,
  spiking,
  stopped,
  stuckAt,
  type Values,
  WEAR_MINUTES,
  wearing,
} from './effects.ts';

/** What is wrong with a machine or its sensor. */
export type FaultKind =
  | 'bearing-wear'
  | 'leak'
  | 'clogged-flow'
  | 'stuck-sensor'
  | 'spike'
  | 'stopped-compressor'
  | 'overload';

/**
 * One injected fault, the label of the truth file: from its first tick until before `toTick` it changes `parameters`
 * of a twin. `severity` 0..1 scales how bad it gets.
 */
export type Fault = {
  id: string;
  kind: FaultKind;
  twinId: string;
  parameters: readonly string[];
  fromTick: number;
  toTick: number;
  severity: number;
};

/** A kind of fault that comes back: first at `firstMinute` of the plant's life, then `everyMinutes`, each time earlier or later by up to `jitterMinutes`. */
type Recurring = {
  kind: FaultKind;
  twinId: string;
  parameters: readonly string[];
  firstMinute: number;
  everyMinutes: number;
  lastsMinutes: number;
  jitterMinutes: number;
  effect: Effect;
};

const TICKS_PER_MINUTE = 6;

/** The faults at work at a tick of the plant with this seed. */
export function faultsAt(seed: number, tick: number): Fault[] {
  const found: Fault[] = [];
  for (const [index, recurring] of schedule.entries()) {
    const round = Math.floor((tick / TICKS_PER_MINUTE - recurring.firstMinute) / recurring.everyMinutes);
    for (const candidate of [round, round + 1]) {
      const fault = faultOf(seed, index, recurring, candidate);
      if (tick >= fault.fromTick && tick < fault.toTick) found.push(fault);
    }
  }
  return found;
}

/** The values of a twin under a fault. `valuesAt` tells the healthy values of another tick. */
export function withFault(values: Values, fault: Fault, tick: number, valuesAt: (tick: number) => Values): Values {
  const recurring = schedule.find((one) => one.kind === fault.kind && one.twinId === fault.twinId);
  if (recurring === undefined) return values;
  const course = { minutes: (tick - fault.fromTick) / TICKS_PER_MINUTE, severity: fault.severity };
  return recurring.effect(values, course, () => valuesAt(fault.fromTick));
}

function faultOf(seed: number, index: number, recurring: Recurring, round: number): Fault {
  const { kind, twinId, parameters, firstMinute, everyMinutes, lastsMinutes, jitterMinutes } = recurring;
  const jitter = jitterMinutes * (2 * uniform(seed, index, round, 1) - 1);
  const fromTick = Math.round((firstMinute + round * everyMinutes + jitter) * TICKS_PER_MINUTE);
  const lastsTicks = Math.max(1, Math.round(lastsMinutes * TICKS_PER_MINUTE));
  const severity = Math.round(100 * uniform(seed, index, round, 2)) / 100;
  return {
    id: `${kind}-${twinId}-${fromTick}`,
    kind,
    twinId,
    parameters,
    fromTick,
    toTick: fromTick + lastsTicks,
    severity,
  };
}

const HOURS = 60;

/**
 * The schedule, minutes of the plant's life. The two bearings take turns, and so do leak and clogging, each handing over
 * a little late: two alerts stand at any time. The torn leak and the short faults come on top. The back-fill ends at
 * minute 1440: then the turbine's bearing and the torn leak stand, and the drill rig's bearing breaks minutes later.
 */
const schedule: readonly Recurring[] = [
  {
    kind: 'bearing-wear',
    twinId: 'drillrig1',
    parameters: ['vibration'],
    firstMinute: 12 - WEAR_MINUTES,
    everyMinutes: 12 * HOURS,
    lastsMinutes: WEAR_MINUTES + BEARING_ALERT_MINUTES,
    jitterMinutes: 5,
    effect: wearing(undefined),
  },
  {
    kind: 'bearing-wear',
    twinId: 'turbine1',
    parameters: ['vibration', 'temperature'],
    firstMinute: 12 + 6 * HOURS - WEAR_MINUTES,
    everyMinutes: 12 * HOURS,
    lastsMinutes: WEAR_MINUTES + BEARING_ALERT_MINUTES,
    jitterMinutes: 5,
    effect: wearing('temperature'),
  },
  {
    kind: 'leak',
    twinId: 'pipeline1',
    parameters: ['pressure', 'flowRate'],
    firstMinute: 5 * HOURS,
    everyMinutes: 8 * HOURS,
    lastsMinutes: FLOW_ALERT_MINUTES,
    jitterMinutes: 3,
    effect: leaking,
  },
  {
    kind: 'clogged-flow',
    twinId: 'wellhead1',
    parameters: ['flowRate', 'pressure'],
    firstMinute: 1 * HOURS - CLOG_MINUTES,
    everyMinutes: 8 * HOURS,
    lastsMinutes: CLOG_MINUTES + FLOW_ALERT_MINUTES,
    jitterMinutes: 3,
    effect: clogging,
  },
  {
    kind: 'stopped-compressor',
    twinId: 'compressor1',
    parameters: ['energyConsumption', 'status'],
    firstMinute: 95,
    everyMinutes: 5 * HOURS,
    lastsMinutes: 18,
    jitterMinutes: 20,
    effect: stopped,
  },
  {
    kind: 'overload',
    twinId: 'transformer1',
    parameters: ['current', 'voltage'],
    firstMinute: 45,
    everyMinutes: 200,
    lastsMinutes: 22,
    jitterMinutes: 15,
    effect: overloaded,
  },
  {
    kind: 'leak',
    twinId: 'retail1',
    parameters: ['fuelInventory'],
    firstMinute: 7 * HOURS,
    everyMinutes: 16 * HOURS,
    lastsMinutes: 45,
    jitterMinutes: 20,
    effect: drawnOff,
  },
  {
    kind: 'spike',
    twinId: 'refinery1',
    parameters: ['pressure'],
    firstMinute: 5,
    everyMinutes: 155,
    lastsMinutes: 1 / TICKS_PER_MINUTE,
    jitterMinutes: 2,
    effect: spiking,
  },
  {
    kind: 'stuck-sensor',
    twinId: 'refinery1',
    parameters: ['temperature'],
    firstMinute: 4 * HOURS,
    everyMinutes: 11 * HOURS,
    lastsMinutes: 100,
    jitterMinutes: 30,
    effect: stuckAt('temperature'),
  },
];
