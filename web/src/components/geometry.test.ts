import type { Limits } from '@stratum/contracts/twin/twin.ts';
import { describe, expect, it } from 'vitest';
import { percentOf } from './bar-geometry.ts';
import { axisMarks, shortNumber } from './bars.ts';
import { linePath, verticalRange } from './spark-geometry.ts';

const plain: Limits = { low: 10, high: 60, deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 2 };
const withTrips: Limits = { ...plain, tripLow: 5, tripHigh: 80 };

describe('a bar', () => {
  it('has every normal range in its middle 40 %', () => {
    expect([10, 35, 60].map((value) => percentOf(plain, value))).toEqual([30, 50, 70]);
  });

  it('reaches the trip marks at the trip limits', () => {
    expect([5, 80].map((value) => percentOf(withTrips, value))).toEqual([14, 86]);
    expect(percentOf(withTrips, 70)).toBe(78);
  });

  it('goes on at its own scale without trip limits', () => {
    expect(percentOf(plain, 72.5)).toBe(80);
    expect(percentOf(plain, 0)).toBe(22);
  });

  it('never leaves its ends', () => {
    expect(percentOf(plain, 1e9)).toBe(98.5);
    expect(percentOf(withTrips, -1e9)).toBe(1.5);
  });

  it('only ever rises with the value', () => {
    const places = Array.from({ length: 200 }, (_, value) => percentOf(withTrips, value - 50));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  });
});

describe('a small line', () => {
  it('sees its values and its normal range', () => {
    expect(verticalRange([null, 70], 10, 60)).toEqual({ from: 5.2, to: 74.8 });
  });

  it('lifts the pen over a gap', () => {
    const scale = { x: (time: number) => time, y: (value: number) => value };
    expect(linePath([0, 1, 2, 3], [5, null, 7, 8], scale)).toBe('M0.00 5.00M2.00 7.00L3.00 8.00');
  });
});

describe('the axis of bars', () => {
  it('counts in round steps up to the largest', () => {
    expect(axisMarks(13_200)).toEqual([0, 5000, 10_000, 15_000]);
    expect(axisMarks(0)).toEqual([0, 1]);
  });

  it('writes short numbers', () => {
    expect([9000, 15_000, 2_500_000].map(shortNumber)).toEqual(['9,000', '15k', '2.5M']);
  });
});
