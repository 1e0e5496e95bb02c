import type { Parameter } from '@stratum/contracts/twin/twin.ts';
import { describe, expect, it } from 'vitest';
import {
  clockText,
  decimalsOf,
  durationText,
  instantText,
  normalText,
  numberText,
  percentText,
  unitText,
  valueText,
} from './format.ts';

function parameter(key: string, low: number, high: number, unit = 'bar'): Parameter {
  return {
    key,
    name: key,
    unit,
    limits: { low, high, deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 2 },
  };
}

describe('numbers', () => {
  it('have thousands separators, fixed decimals and a true minus', () => {
    expect(numberText(10009)).toBe('10,009');
    expect(numberText(-0.5, 2)).toBe('−0.50');
  });

  it('get fewer decimals the wider the normal range is', () => {
    expect(decimalsOf(parameter('flowRate', 100, 500))).toBe(0);
    expect(decimalsOf(parameter('pressure', 10, 60))).toBe(1);
    expect(decimalsOf(parameter('ratio', 0, 2))).toBe(2);
  });

  it('are words where the parameter is a state', () => {
    const status = parameter('status', 0, 1, '0/1');
    expect(valueText(status, 1)).toBe('Running');
    expect(valueText(status, 0)).toBe('Stopped');
    expect(unitText(status)).toBe('');
  });

  it('name the normal range without needless decimals', () => {
    expect(normalText(parameter('pressure', 10, 60))).toBe('normal 10–60');
    expect(normalText(parameter('vibration', 0.6, 4.5))).toBe('normal 0.6–4.5');
  });

  it('become percentages', () => {
    expect(percentText(0.784)).toBe('78 %');
  });
});

describe('times', () => {
  it('are told in the two largest units', () => {
    expect(durationText(12_000)).toBe('12 s');
    expect(durationText(252_000)).toBe('4 m 12 s');
    expect(durationText(25_020_000)).toBe('6 h 57 m');
    expect(durationText(273_600_000)).toBe('3 d 4 h');
    expect(durationText(-5)).toBe('0 s');
  });

  it('are UTC', () => {
    expect(clockText('2026-11-24T14:32:10Z')).toBe('14:32:10');
    expect(instantText(Date.UTC(2026, 10, 24, 0, 5))).toBe('24 Nov 00:05:00');
  });
});
