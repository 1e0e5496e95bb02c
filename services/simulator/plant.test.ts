import catalogue from '@stratum/contracts/twin/catalogue.json' with { type: 'json' };
import { twinDefinitionSchema } from '@stratum/contracts/twin/twin.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadAt, observe, type Plant, plantTwins } from './plant.ts';

const twins = z.array(twinDefinitionSchema).parse(catalogue);
const DAY_TICKS = 8640;
const plant: Plant = { seed: 7, epochMs: Date.parse('2026-11-23T20:00:00Z') };
const day = (of: Plant) => Array.from({ length: DAY_TICKS }, (_, tick) => observe(of, tick));
const courseOf = (observed: ReturnType<typeof day>, twinId: string, parameter: string) =>
  observed.map(({ readings }) => readings.get(twinId)?.[parameter] ?? Number.NaN);

/** Pearson's correlation of two courses. */
function correlation(one: number[], other: number[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [a, b] = [mean(one), mean(other)];
  const covariance = mean(one.map((value, index) => (value - a) * ((other[index] ?? 0) - b)));
  return (
    covariance / Math.sqrt(mean(one.map((value) => (value - a) ** 2)) * mean(other.map((value) => (value - b) ** 2)))
  );
}

describe('the plant', () => {
  test('shows every parameter of every twin of the catalogue, and nothing else', () => {
    const { readings } = observe(plant, 0);
    expect([...readings.keys()].toSorted()).toEqual(twins.map(({ twinId }) => twinId).toSorted());
    for (const { twinId, parameters } of twins) {
      expect(Object.keys(readings.get(twinId) ?? {}).toSorted()).toEqual(parameters.map(({ key }) => key).toSorted());
    }
    expect(plantTwins).toHaveLength(8);
  });

  test('answers the same whenever it is asked, and something else with another seed', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer(), (tick, seed) => {
        const of = { ...plant, seed };
        expect(observe(of, tick)).toEqual(observe(of, tick));
        expect(observe(of, tick).readings).not.toEqual(observe({ ...plant, seed: seed + 1 }, tick).readings);
      }),
      { numRuns: 30 },
    );
  });

  test('is within its limits, by a margin, whatever the seed, where no fault is at work', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(DAY_TICKS * 30), (seed, tick) => {
        const { readings, faults } = observe({ ...plant, seed }, tick);
        for (const { twinId, parameters } of twins) {
          if (faults.some((fault) => fault.twinId === twinId)) continue;
          for (const { key, limits } of parameters) {
            const value = readings.get(twinId)?.[key];
            const margin = key === 'status' ? 0 : 0.05 * (limits.high - limits.low);
            expect(value, `${twinId} ${key}`).toBeGreaterThan(limits.low + margin - 1e-9);
            expect(value, `${twinId} ${key}`).toBeLessThan(limits.high - margin + 1e-9);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('is busy in the afternoon and calm at night', () => {
    const loads = Array.from({ length: DAY_TICKS }, (_, tick) => loadAt(plant, tick));
    const hourOf = (tick: number) => new Date(plant.epochMs + tick * 10_000).getUTCHours();
    const meanAt = (hour: number) => {
      const own = loads.filter((_, tick) => hourOf(tick) === hour);
      return own.reduce((sum, load) => sum + load, 0) / own.length;
    };
    expect(meanAt(14)).toBeGreaterThan(0.8);
    expect(meanAt(2)).toBeLessThan(0.2);
    expect(Math.min(...loads)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...loads)).toBeLessThanOrEqual(1);
  });

  test('has parameters that depend on each other', () => {
    const observed = day(plant);
    for (const [twinId, one, other, sign] of [
      ['turbine1', 'temperature', 'vibration', 1],
      ['pipeline1', 'flowRate', 'pressure', -1],
      ['wellhead1', 'pressure', 'flowRate', 1],
      ['drillrig1', 'torque', 'pressure', 1],
      ['refinery1', 'throughput', 'temperature', 1],
      ['transformer1', 'current', 'voltage', -1],
    ] as const) {
      const healthy = observed.filter(({ faults }) => faults.every((fault) => fault.twinId !== twinId));
      const alike = correlation(courseOf(healthy, twinId, one), courseOf(healthy, twinId, other));
      expect(healthy.length, twinId).toBeGreaterThan(200);
      expect(sign * alike, `${twinId}: ${one} and ${other}`).toBeGreaterThan(0.3);
    }
  });
});
