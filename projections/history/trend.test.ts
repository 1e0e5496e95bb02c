import { describe, expect, test } from 'vitest';
import { hours, quarters } from './buckets.ts';
import { type Sample, samplesOfReadings } from './samples.ts';
import { bucketed, fromReadings, grainFor, type Range, stepFor } from './trend.ts';

const start = Date.UTC(2026, 10, 24, 20, 0, 0);
const range = (hoursLong: number): Range => ({ fromMs: start, toMs: start + hoursLong * 3_600_000 });
const reading = (seconds: number, torque: number) => ({
  observedAt: new Date(start + seconds * 1000).toISOString(),
  values: { torque },
  outside: {},
});
const samples = (...readings: ReturnType<typeof reading>[]): Sample[] =>
  samplesOfReadings(readings, start, start + 7_200_000);

describe('how fine a chart is', () => {
  test('two days are read as minutes, more as quarter hours', () => {
    expect(grainFor(range(48))).toBe(hours);
    expect(grainFor(range(49))).toBe(quarters);
  });

  test('there are never more buckets than pixels, wherever the range begins', () => {
    for (const px of [10, 100, 800, 4_000]) {
      for (const hoursLong of [0.1, 2, 24, 170, 9_600]) {
        for (const shiftMs of [0, 1, 59_999, 3_599_999]) {
          const { fromMs, toMs } = range(hoursLong);
          const shifted = { fromMs: fromMs + shiftMs, toMs: toMs + shiftMs };
          const step = stepFor(shifted, px, 1);
          expect(bucketed([], shifted, step).t.length).toBeLessThanOrEqual(px);
        }
      }
    }
  });

  test('a step is never finer than what was kept', () => {
    expect(stepFor(range(3), 4_000, 60)).toBe(60);
    expect(stepFor(range(72), 4_000, 900)).toBe(900);
  });
});

test('a bucket has the least, the greatest and the mean of what was observed in it, and null where nothing was', () => {
  const series = bucketed(
    samples(reading(0, 80), reading(10, 100), reading(19, 90), reading(45, 70)),
    range(1 / 60),
    20,
  );
  expect(series).toEqual({
    resolutionSeconds: 20,
    t: [start / 1000, start / 1000 + 20, start / 1000 + 40],
    parameters: { torque: { min: [80, null, 70], max: [100, null, 70], mean: [90, null, 70] } },
  });
});

test('the mean of a step is that of all its readings, not of its buckets', () => {
  const bucket = (atMs: number, count: number, sum: number): Sample => ({
    atMs,
    parameter: 'torque',
    count,
    sum,
    min: 0,
    max: 100,
    secondsObserved: 0,
    secondsOutside: 0,
  });
  const series = bucketed([bucket(start, 9, 90), bucket(start + 60_000, 1, 100)], range(1 / 30), 120);
  expect(series.parameters.torque?.mean).toEqual([19]);
});

describe('readings', () => {
  test('that fit are shown as they are', () => {
    expect(fromReadings(samples(reading(10, 90), reading(0, 80)), range(1), 800, 10)).toEqual({
      resolutionSeconds: 10,
      t: [start / 1000, start / 1000 + 10],
      parameters: { torque: { min: [80, 90], max: [80, 90], mean: [80, 90] } },
    });
  });

  test('leave a gap in a silence', () => {
    const series = fromReadings(samples(reading(0, 80), reading(60, 90)), range(1), 800, 10);
    expect(series.t).toEqual([start / 1000, start / 1000 + 10, start / 1000 + 60]);
    expect(series.parameters.torque?.mean).toEqual([80, null, 90]);
  });

  test('that are more than there are pixels are put together', () => {
    const many = Array.from({ length: 720 }, (_, index) => reading(index * 10, index));
    const series = fromReadings(samples(...many), range(2), 100, 10);
    expect(series.t.length).toBeLessThanOrEqual(100);
    expect(series.resolutionSeconds).toBe(120);
    expect(series.parameters.torque).toMatchObject({
      min: expect.arrayContaining([0]),
      max: expect.arrayContaining([719]),
    });
  });
});
