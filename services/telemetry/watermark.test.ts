import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  advance,
  DEVICES_SOURCE,
  formatWatermarks,
  isTaken,
  parseWatermarks,
  SOURCES_MAX,
  type Watermarks,
} from './watermark.ts';

const none: Watermarks = new Map();

test('a reading up to the watermark of its source is taken, a later one and those of other sources are not', () => {
  const marks = advance(none, DEVICES_SOURCE, 12);
  expect([11, 12, 13].map((sequence) => isTaken(marks, DEVICES_SOURCE, sequence))).toEqual([true, true, false]);
  expect(isTaken(marks, 'import-9f2c', 1)).toBe(false);
});

test('watermarks survive the way through a header', () => {
  const marks = advance(advance(none, DEVICES_SOURCE, 1204), 'import-9f2c', 96);
  expect(formatWatermarks(marks)).toBe('devices=1204 import-9f2c=96');
  expect(parseWatermarks(formatWatermarks(marks))).toEqual(marks);
  expect(parseWatermarks('')).toEqual(none);
  expect(() => parseWatermarks('devices')).toThrow('not a watermark: devices');
});

test('the devices are never forgotten, and of the others the latest touched are kept', () => {
  const step = fc.record({ source: fc.integer({ min: 0, max: 40 }), count: fc.integer({ min: 1, max: 1000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let marks = advance(none, DEVICES_SOURCE, 7);
      for (const { source, count } of steps) marks = advance(marks, `import-${source}`, count);
      const latest = [...new Set(steps.map(({ source }) => `import-${source}`).toReversed())].slice(0, SOURCES_MAX);
      expect(new Set(marks.keys())).toEqual(new Set([DEVICES_SOURCE, ...latest]));
      expect(isTaken(marks, DEVICES_SOURCE, 7)).toBe(true);
    }),
  );
});
