import type { TwinDirectoryDocument } from '@stratum/contracts/twin/twin.ts';
import { foldAll, readingEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareWeeks, partsOf, WEEK_MS } from './analytics.ts';
import { hours, quarters } from './buckets.ts';
import { historyDays, historyHours } from './history.ts';
import { samplesOfDocuments } from './samples.ts';
import type { Range } from './trend.ts';

const minute = 60_000;
const start = Date.UTC(2026, 10, 24, 20, 0, 0);
const limits = { low: 50, high: 150, deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 2 as const };
const drillRig: TwinDirectoryDocument = {
  _id: 'drillrig1',
  twinId: 'drillrig1',
  name: 'Drill Rig',
  twinType: 'drill-rig',
  valueStream: 'Upstream',
  site: 'main',
  reportingPeriodSeconds: 10,
  parameters: [{ key: 'torque', name: 'Torque', unit: 'Nm', limits, limitsChange: null }],
  status: 'commissioned',
  commissionedAt: '2026-11-01T00:00:00Z',
  _position: 1,
};

test('a range is read as quarter hours, and as minutes at its ends', () => {
  expect(partsOf({ fromMs: start + 7 * minute + 30_000, toMs: start + 62 * minute })).toEqual({
    quarters: { fromMs: start + 15 * minute, toMs: start + 60 * minute },
    minutes: [
      { fromMs: start + 7 * minute, toMs: start + 15 * minute },
      { fromMs: start + 60 * minute, toMs: start + 62 * minute },
    ],
  });
});

test('a range within a quarter hour is read as minutes', () => {
  expect(partsOf({ fromMs: start + 2 * minute, toMs: start + 14 * minute }).minutes).toEqual([
    { fromMs: start + 2 * minute, toMs: start + 14 * minute },
  ]);
});

test('whatever the range, each reading in it is counted once', () => {
  const readings = Array.from({ length: 600 }, (_, index) =>
    readingEvent(index + 1, 'drillrig1', {
      observedAt: new Date(start + index * 20_000).toISOString(),
      values: { torque: index },
    }),
  );
  const byHour = [...foldAll(historyHours, readings).values()];
  const byDay = [...foldAll(historyDays, readings).values()];
  const minutes = fc.integer({ min: -30, max: 230 });
  fc.assert(
    fc.property(minutes, minutes, (one, other) => {
      const range: Range = {
        fromMs: start + Math.min(one, other) * minute,
        toMs: start + Math.max(one, other) * minute,
      };
      const parts = partsOf(range);
      const samples = [
        ...samplesOfDocuments(quarters, byDay, parts.quarters.fromMs, parts.quarters.toMs),
        ...parts.minutes.flatMap(({ fromMs, toMs }) => samplesOfDocuments(hours, byHour, fromMs, toMs)),
      ];
      const within = readings.filter(({ data }) => {
        const atMs = Date.parse(data.observedAt);
        return atMs >= range.fromMs && atMs < range.toMs;
      });
      const [parameter] = compareWeeks(drillRig, range, samples, []);
      expect(parameter?.range.count).toBe(within.length);
    }),
  );
});

test('means, extremes and time outside stand beside those of the week before, day by day', () => {
  const range = { fromMs: start, toMs: start + 8 * 3_600_000 };
  const sample = (atMs: number, value: number, secondsOutside = 0) => ({
    atMs,
    parameter: 'torque',
    count: 2,
    min: value - 1,
    max: value + 1,
    sum: 2 * value,
    secondsObserved: 20,
    secondsOutside,
  });
  const nextDay = Date.UTC(2026, 10, 25);
  const [torque] = compareWeeks(
    drillRig,
    range,
    [sample(start, 100), sample(nextDay, 160, 20)],
    [sample(start - WEEK_MS, 90)],
  );
  expect(torque).toEqual({
    key: 'torque',
    name: 'Torque',
    unit: 'Nm',
    low: 50,
    high: 150,
    range: { count: 4, mean: 130, min: 99, max: 161, secondsOutside: 20, secondsObserved: 40 },
    weekBefore: { count: 2, mean: 90, min: 89, max: 91, secondsOutside: 0, secondsObserved: 20 },
    daily: [
      { day: '2026-11-24', mean: 100, weekBeforeMean: 90 },
      { day: '2026-11-25', mean: 160, weekBeforeMean: null },
    ],
  });
});

test('a parameter that was not observed has no mean', () => {
  const [torque] = compareWeeks(drillRig, { fromMs: start, toMs: start + minute }, [], []);
  expect(torque?.range).toEqual({ count: 0, mean: null, min: null, max: null, secondsOutside: 0, secondsObserved: 0 });
});
