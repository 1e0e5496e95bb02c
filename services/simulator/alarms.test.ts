import catalogue from '@stratum/contracts/twin/catalogue.json' with { type: 'json' };
import { type TwinDefinition, twinDefinitionSchema } from '@stratum/contracts/twin/twin.ts';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { judge, type Memory, unseen } from '../alert/detection.ts';
import { type FaultKind, faultsAt } from './faults.ts';
import { observe, TICK_SECONDS } from './plant.ts';

const twins = z.array(twinDefinitionSchema).parse(catalogue);
const DAYS = 2;
const DAY_TICKS = 8640;
const HOUR_TICKS = 360;

type Occurrence = { alert: string; priority: number; from: number; to: number; hasPersisted: boolean };

/** The alerts that a watch over two days of the plant sees, tick by tick. */
function watchPlant(seed: number, epochMs: number, limitsOf: (twin: TwinDefinition) => TwinDefinition['parameters']) {
  const memories = new Map<string, Memory>();
  const standing = new Map<string, Occurrence>();
  const occurrences: Occurrence[] = [];
  const activeAt: number[] = [];
  const isCriticalAt: boolean[] = [];
  for (let tick = 0; tick < DAYS * DAY_TICKS; tick++) {
    const { readings } = observe({ seed, epochMs }, tick);
    for (const twin of twins) {
      for (const { key, limits } of limitsOf(twin)) {
        const name = `${twin.twinId}_${key}`;
        const value = readings.get(twin.twinId)?.[key] ?? Number.NaN;
        const observation = { sequence: tick + 1, atMs: tick * TICK_SECONDS * 1000, value };
        const { memory, verdicts } = judge(limits, memories.get(name) ?? unseen, observation);
        memories.set(name, memory);
        for (const verdict of verdicts) {
          const alert = `${name}_${verdict.direction}`;
          const known = standing.get(alert);
          if (verdict.verdict === 'raise') {
            const raised = { alert, priority: verdict.priority, from: tick, to: DAYS * DAY_TICKS, hasPersisted: false };
            standing.set(alert, raised);
            occurrences.push(raised);
          } else if (known !== undefined && verdict.verdict === 'persist') {
            known.hasPersisted = true;
          } else if (known !== undefined && verdict.verdict === 'clear') {
            known.to = tick;
            standing.delete(alert);
          }
        }
      }
    }
    activeAt.push(standing.size);
    isCriticalAt.push([...standing.values()].some(({ priority }) => priority === 1));
  }
  return { occurrences, activeAt, isCriticalAt };
}

const share = <Value>(values: Value[], is: (value: Value) => boolean) => values.filter(is).length / values.length;
const withoutDeadband = (twin: TwinDefinition) =>
  twin.parameters.map((parameter) => ({ ...parameter, limits: { ...parameter.limits, deadband: 0 } }));

describe.each([
  ['the seed it has unless told otherwise', 7, '2026-11-23T20:00:00Z', (twin: TwinDefinition) => twin.parameters],
  ['another seed, begun in the morning', 11, '2026-06-01T07:30:00Z', (twin: TwinDefinition) => twin.parameters],
  ['no deadband at all', 3, '2026-01-01T00:00:00Z', withoutDeadband],
] as const)('two days of the plant: %s', (_, seed, epoch, limitsOf) => {
  const { occurrences, activeAt, isCriticalAt } = watchPlant(seed, Date.parse(epoch), limitsOf);
  const settled = activeAt.slice(HOUR_TICKS);

  test('two to four alerts are active nearly always, never none and never a flood', () => {
    expect(share(settled, (active) => active >= 2 && active <= 4)).toBeGreaterThanOrEqual(0.95);
    expect(Math.min(...settled)).toBeGreaterThan(0);
    expect(Math.max(...settled)).toBeLessThanOrEqual(6);
  });

  test('alerts come and go, 10 to 60 a day', () => {
    for (const day of Array.from({ length: DAYS }, (_unused, index) => index)) {
      const raised = occurrences.filter(({ from }) => Math.floor(from / DAY_TICKS) === day);
      expect(raised.length).toBeGreaterThanOrEqual(10);
      expect(raised.length).toBeLessThanOrEqual(60);
    }
    expect(occurrences.filter(({ hasPersisted }) => hasPersisted).length).toBeGreaterThanOrEqual(8);
    expect(occurrences.filter(({ hasPersisted }) => !hasPersisted).length).toBeGreaterThanOrEqual(4);
  });

  test('they are of all priorities, and one of the highest is often active', () => {
    expect(new Set(occurrences.map(({ priority }) => priority))).toEqual(new Set([1, 2, 3]));
    expect(share(isCriticalAt.slice(HOUR_TICKS), (is) => is)).toBeGreaterThan(0.5);
  });

  test('each is the doing of a fault that is on record', () => {
    for (const { alert, from } of occurrences) {
      const causes = faultsAt(seed, from).filter(({ twinId }) => alert.startsWith(`${twinId}_`));
      expect(causes, `${alert} at tick ${from}`).not.toEqual([]);
    }
  });
});

test('every kind of fault happens within a day', () => {
  const kinds = new Set<FaultKind>();
  for (let tick = 0; tick < DAY_TICKS; tick++) for (const { kind } of faultsAt(7, tick)) kinds.add(kind);
  expect([...kinds].toSorted()).toEqual([
    'bearing-wear',
    'clogged-flow',
    'leak',
    'overload',
    'spike',
    'stopped-compressor',
    'stuck-sensor',
  ]);
});

test('a fault is the same one from its first tick to its last, and tells its bounds', () => {
  const known = new Map<string, { from: number; to: number; told: [number, number] }>();
  for (let tick = 0; tick < DAY_TICKS; tick++) {
    for (const { id, fromTick, toTick } of faultsAt(7, tick)) {
      const before = known.get(id);
      known.set(id, { from: before?.from ?? tick, to: tick + 1, told: [fromTick, toTick] });
    }
  }
  for (const [id, { from, to, told }] of known) {
    expect([from, to], id).toEqual([Math.max(0, told[0]), Math.min(DAY_TICKS, told[1])]);
  }
});

test('a stuck sensor shows one value, a stopped compressor takes next to no power', () => {
  const plant = { seed: 7, epochMs: 0 };
  const under = (kind: FaultKind, twinId: string) => {
    const all = Array.from({ length: DAY_TICKS }, (_unused, tick) => ({ tick, ...observe(plant, tick) }));
    const first = all
      .find(({ faults }) => faults.some((fault) => fault.kind === kind))
      ?.faults.find((f) => f.kind === kind);
    if (first === undefined) throw new Error(`there was no ${kind}`);
    return all
      .filter(({ tick }) => tick >= first.fromTick && tick < first.toTick)
      .map(({ readings }) => readings.get(twinId) ?? {});
  };
  const stuck = under('stuck-sensor', 'refinery1');
  expect(stuck.length).toBeGreaterThan(100);
  expect(new Set(stuck.map(({ temperature }) => temperature)).size).toBe(1);
  expect(new Set(stuck.map(({ throughput }) => throughput)).size).toBeGreaterThan(100);
  for (const { status, energyConsumption } of under('stopped-compressor', 'compressor1')) {
    expect(status).toBe(0);
    expect(energyConsumption).toBeLessThan(100);
  }
});
