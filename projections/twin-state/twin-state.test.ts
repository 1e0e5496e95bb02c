import { expectLaws, foldAll, readingEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TRAIL_MINUTES, twinState } from './twin-state.ts';

const start = Date.UTC(2026, 10, 24, 20, 0, 0);
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
const minuteOf = (seconds: number) => Math.floor((start / 1000 + seconds) / 60);
const reading = (
  sequence: number,
  seconds: number,
  values: Record<string, number>,
  outside: Record<string, 'high' | 'low'> = {},
) => readingEvent(sequence, 'drillrig1', { observedAt: at(seconds), values, outside }, { recordedAt: at(seconds + 1) });
const stateOf = (...readings: ReturnType<typeof reading>[]) => foldAll(twinState, readings).get('drillrig1');

test('the state is the newest reading', () => {
  expect(stateOf(reading(1, 0, { torque: 80 }), reading(2, 10, { torque: 160 }, { torque: 'high' }))).toEqual({
    _id: 'drillrig1',
    site: 'main',
    observedAt: at(10),
    recordedAt: at(11),
    values: { torque: 160 },
    outside: { torque: 'high' },
    readingCount: 2,
    trail: [{ minute: minuteOf(0), values: { torque: 160 } }],
    _position: 2,
  });
});

test('a reading that comes late is counted but never shown as the newest', () => {
  const state = stateOf(reading(1, 120, { torque: 90 }), reading(2, 0, { torque: 200 }, { torque: 'high' }));
  expect(state).toMatchObject({ observedAt: at(120), values: { torque: 90 }, outside: {}, readingCount: 2 });
  expect(state?.trail).toEqual([
    { minute: minuteOf(0), values: { torque: 200 } },
    { minute: minuteOf(120), values: { torque: 90 } },
  ]);
});

test('a late reading never replaces what its minute already shows', () => {
  const state = stateOf(reading(1, 50, { torque: 90 }), reading(2, 70, { torque: 91 }), reading(3, 20, { torque: 1 }));
  expect(state?.trail[0]).toEqual({ minute: minuteOf(0), values: { torque: 90 } });
});

test('a reading of some parameters leaves the others as they were', () => {
  const state = stateOf(
    reading(1, 0, { torque: 160, pressure: 70 }, { torque: 'high', pressure: 'high' }),
    reading(2, 10, { torque: 100 }),
  );
  expect(state).toMatchObject({ values: { torque: 100, pressure: 70 }, outside: { pressure: 'high' } });
});

test('the trail holds the last hour, a value a minute', () => {
  const readings = Array.from({ length: 3 * 120 }, (_, index) => reading(index + 1, index * 20, { torque: index }));
  const trail = stateOf(...readings)?.trail ?? [];
  expect(trail).toHaveLength(TRAIL_MINUTES);
  expect(trail[0]).toEqual({ minute: minuteOf(60 * 60), values: { torque: 182 } });
  expect(trail.at(-1)).toEqual({ minute: minuteOf(119 * 60), values: { torque: 359 } });
});

test('after a long silence the trail begins anew', () => {
  const state = stateOf(reading(1, 0, { torque: 1 }), reading(2, 7200, { torque: 2 }));
  expect(state?.trail).toEqual([{ minute: minuteOf(7200), values: { torque: 2 } }]);
});

test('any split of a history equals one batch, and twice equals once', () => {
  const histories = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 9000 }), fc.dictionary(fc.constantFrom('a', 'b'), fc.double())), {
      maxLength: 60,
    })
    .map((list) => list.map(([seconds, values], index) => reading(index + 1, seconds, values)));
  expectLaws(twinState, histories);
});
