import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearlyNormal, noiseAt, noiseOf, seedOf, smooth, uniform, wanderAt } from './chance.ts';

const COUNT = 20_000;
const course = (at: (tick: number) => number) => Array.from({ length: COUNT }, (_, tick) => at(tick));
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: number[]) => {
  const centre = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
};

/** How alike a course is to itself some ticks later, −1..1. */
function alikeness(values: number[], later: number): number {
  const centre = mean(values);
  const pairs = values.slice(later).map((value, index) => (value - centre) * ((values[index] ?? 0) - centre));
  return mean(pairs) / deviation(values) ** 2;
}

describe('chance', () => {
  test('answers the same to the same question, and something else to another', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -1e9, max: 1e9 }), (seed, tick) => {
        expect(uniform(seed, tick)).toBe(uniform(seed, tick));
        expect(uniform(seed, tick)).not.toBe(uniform(seed, tick + 1));
        expect(seedOf(seed, 'torque')).not.toBe(seedOf(seed, 'pressure'));
        expect(uniform(seed, tick)).toBeGreaterThanOrEqual(0);
        expect(uniform(seed, tick)).toBeLessThan(1);
      }),
    );
  });
  test('is spread as it says', () => {
    const even = course((tick) => uniform(1, tick));
    expect(mean(even)).toBeCloseTo(0.5, 1);
    const shocks = course((tick) => nearlyNormal(1, tick));
    expect(mean(shocks)).toBeCloseTo(0, 1);
    expect(deviation(shocks)).toBeCloseTo(1, 1);
    expect(Math.abs(alikeness(shocks, 1))).toBeLessThan(0.03);
  });
});

test.each([0.3, 0.8, 0.95])('noise keeps %f of its value from tick to tick', (phi) => {
  const noise = noiseOf(7, phi);
  const values = course((tick) => noiseAt(noise, tick));
  expect(deviation(values)).toBeCloseTo(1, 1);
  for (const later of [1, 2, 5]) expect(alikeness(values, later)).toBeCloseTo(phi ** later, 1);
});

test('a wander is smooth and stays within ±1', () => {
  const values = course((tick) => wanderAt(3, tick, 100));
  const steps = values.slice(1).map((value, index) => Math.abs(value - (values[index] ?? 0)));
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1);
  expect(Math.max(...steps)).toBeLessThan(0.04);
  expect(deviation(values)).toBeGreaterThan(0.3);
});

test('a smooth step begins at 0, ends at 1 and stays there', () => {
  expect([-1, 0, 0.5, 1, 2].map(smooth)).toEqual([0, 0, 0.5, 1, 1]);
});
