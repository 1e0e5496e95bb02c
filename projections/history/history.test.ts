import { expectLaws, foldAll, readingEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { historyDays, historyHours, OBSERVED_SECONDS_MAX } from './history.ts';

const start = Date.UTC(2026, 10, 24, 20, 0, 0);
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
const reading = (
  sequence: number,
  seconds: number,
  values: Record<string, number>,
  outside: Record<string, 'high' | 'low'> = {},
) => readingEvent(sequence, 'drillrig1', { observedAt: at(seconds), values, outside });
type Event = ReturnType<typeof reading>;
const hour = (name: string, ...readings: Event[]) =>
  foldAll(historyHours, readings).get(`drillrig1:2026-11-24T${name}`);
const aggregate = (values: object) => ({ secondsObserved: 0, secondsOutside: 0, ...values });

test('a reading is counted in the minute in which it was observed', () => {
  const document = hour(
    '20',
    reading(1, 5, { torque: 80 }),
    reading(2, 15, { torque: 90 }),
    reading(3, 61, { torque: 70 }),
  );
  expect(document).toMatchObject({
    _id: 'drillrig1:2026-11-24T20',
    twinId: 'drillrig1',
    site: 'main',
    from: at(0),
    lastObservedAt: at(61),
    _position: 3,
  });
  expect(document?.parameters.torque).toHaveLength(60);
  expect(document?.parameters.torque?.slice(0, 3)).toEqual([
    { count: 2, min: 80, max: 90, sum: 170, last: 90, secondsObserved: 56, secondsOutside: 0 },
    aggregate({ count: 1, min: 70, max: 70, sum: 70, last: 70 }),
    null,
  ]);
});

test('a day is cut into quarter hours', () => {
  const day = foldAll(historyDays, [reading(1, 0, { torque: 80 }), reading(2, 16 * 60, { torque: 90 })]);
  const document = day.get('drillrig1:2026-11-24');
  expect(document?.parameters.torque).toHaveLength(96);
  expect(document?.parameters.torque?.[80]).toMatchObject({ count: 1, last: 80 });
  expect(document?.parameters.torque?.[81]).toMatchObject({ count: 1, last: 90 });
});

describe('time', () => {
  test('from a reading to the next it is as the first of the two was', () => {
    const document = hour(
      '20',
      reading(1, 0, { torque: 160, pressure: 20 }, { torque: 'high' }),
      reading(2, 10, { torque: 161, pressure: 21 }, { torque: 'high' }),
      reading(3, 20, { torque: 100, pressure: 22 }),
      reading(4, 30, { torque: 100, pressure: 23 }),
    );
    expect(document?.parameters.torque?.[0]).toMatchObject({ secondsObserved: 30, secondsOutside: 20 });
    expect(document?.parameters.pressure?.[0]).toMatchObject({ secondsObserved: 30, secondsOutside: 0 });
  });

  test('a silence counts no longer than its limit', () => {
    const document = hour('20', reading(1, 0, { torque: 160 }, { torque: 'high' }), reading(2, 1800, { torque: 100 }));
    expect(document?.parameters.torque?.[0]?.secondsOutside).toBe(OBSERVED_SECONDS_MAX);
  });

  test('across the border of two hours it goes to the hour of the first, once', () => {
    const readings = [
      reading(1, 3595, { torque: 160 }, { torque: 'high' }),
      reading(2, 3605, { torque: 160 }, { torque: 'high' }),
      reading(3, 3615, { torque: 100 }),
    ];
    expect(hour('20', ...readings)?.parameters.torque?.[59]).toMatchObject({ count: 1, secondsOutside: 10 });
    expect(hour('21', ...readings)?.parameters.torque?.[0]).toMatchObject({ count: 2, secondsOutside: 10 });
  });

  test('a parameter that a reading leaves out stays as it was', () => {
    const document = hour(
      '20',
      reading(1, 0, { torque: 160, pressure: 20 }, { torque: 'high' }),
      reading(2, 10, { pressure: 20 }),
      reading(3, 20, { torque: 100, pressure: 20 }),
    );
    expect(document?.parameters.torque?.[0]?.secondsOutside).toBe(20);
  });
});

test('a late reading counts, adds no time and does not become the last', () => {
  const document = hour(
    '20',
    reading(1, 0, { torque: 80 }),
    reading(2, 30, { torque: 90 }),
    reading(3, 10, { torque: 99 }),
  );
  expect(document?.lastObservedAt).toBe(at(30));
  expect(document?.parameters.torque?.[0]).toEqual({
    count: 3,
    min: 80,
    max: 99,
    sum: 269,
    last: 90,
    secondsObserved: 30,
    secondsOutside: 0,
  });
});

test('the order of arrival does not change what was counted', () => {
  const readings = [reading(1, 0, { torque: 80 }), reading(2, 70, { torque: 90 }), reading(3, 3700, { torque: 99 })];
  const counts = (events: Event[]) =>
    [...foldAll(historyHours, events)]
      .map(([id, document]) => [id, document.parameters.torque?.map((one) => one?.sum)])
      .sort();
  const reversed = [reading(1, 3700, { torque: 99 }), reading(2, 70, { torque: 90 }), reading(3, 0, { torque: 80 })];
  expect(counts(reversed)).toEqual(counts(readings));
});

describe('any split of a history equals one batch, and twice equals once', () => {
  const histories = fc
    .array(
      fc.record({
        seconds: fc.integer({ min: 3000, max: 4200 }),
        values: fc.dictionary(fc.constantFrom('a', 'b'), fc.double({ noNaN: true })),
        outside: fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('high' as const, 'low' as const)),
      }),
      { maxLength: 60 },
    )
    .map((list) => list.map((one, index) => reading(index + 1, one.seconds, one.values, one.outside)));
  test('by hours', () => expectLaws(historyHours, histories));
  test('by days', () => expectLaws(historyDays, histories));
});
