import type { ProductionDayDocument } from '@stratum/contracts/job/job.ts';
import { describe, expect, it } from 'vitest';
import { daysBetween, sumBy, totalOf } from './totals.ts';

function day(over: Partial<ProductionDayDocument>): ProductionDayDocument {
  return {
    _id: 'd',
    day: '2026-01-01',
    site: 'main',
    shopfloorId: 'shopfloor1',
    product: 'Cola',
    good: 0,
    defective: 0,
    jobsCompleted: 0,
    jobsOnTime: 0,
    reports: 0,
    _position: 1,
    ...over,
  };
}

describe('totals of production', () => {
  const days = [
    day({ shopfloorId: 'shopfloor10', good: 5 }),
    day({ shopfloorId: 'shopfloor2', good: 7, defective: 1 }),
    day({ shopfloorId: 'shopfloor2', good: 3 }),
  ];

  it('adds everything up', () => {
    expect(totalOf(days)).toEqual({ good: 15, defective: 1, jobsCompleted: 0, jobsOnTime: 0, reports: 0 });
  });

  it('sums by key, in the order people count', () => {
    expect([...sumBy(days, ({ shopfloorId }) => shopfloorId)].map(([name, sum]) => [name, sum.good])).toEqual([
      ['shopfloor2', 10],
      ['shopfloor10', 5],
    ]);
  });

  it('lists every day between two, both included', () => {
    expect(daysBetween('2026-02-27', '2026-03-01')).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
    expect(daysBetween('2026-03-02', '2026-03-01')).toEqual([]);
  });
});
