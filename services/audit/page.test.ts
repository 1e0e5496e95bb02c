import { expect, test } from 'vitest';
import { isNarrow, nextSize, STRETCH_MAX, STRETCH_MIN, stretchBefore, subjectFor } from './page.ts';

test.each([
  [{}, 'plant.*.*.*'],
  [{ entity: 'order' }, 'plant.*.order.*'],
  [{ subject: 'ORD-1' }, 'plant.*.*.ORD-1'],
  [{ entity: 'order', subject: 'ORD-1' }, 'plant.*.order.ORD-1'],
  [{ type: 'OrderPlaced' }, 'plant.*.order.*'],
  [{ type: 'constructor', actor: 'account:a' }, 'plant.*.*.*'],
])('%j is looked for in %s', (filter, subject) => {
  expect(subjectFor(filter)).toBe(subject);
  expect(isNarrow(subject)).toBe(subject !== 'plant.*.*.*');
});

test('stretches walk to the first event and no further', () => {
  expect(stretchBefore(2500, 1, 1000)).toEqual({ from: 1501, to: 2500 });
  expect(stretchBefore(500, 1, 1000)).toEqual({ from: 1, to: 500 });
  expect(stretchBefore(500, 500, 1000)).toEqual({ from: 500, to: 500 });
  expect(stretchBefore(0, 1, 1000)).toBeUndefined();
});

test('sparse stretches grow up to a limit, where the index does the looking', () => {
  expect(nextSize(STRETCH_MIN, 3, true)).toBe(2 * STRETCH_MIN);
  expect(nextSize(STRETCH_MIN, 500, true)).toBe(STRETCH_MIN);
  expect(nextSize(STRETCH_MIN, 3, false)).toBe(STRETCH_MIN);
  expect(nextSize(STRETCH_MAX, 0, true)).toBe(STRETCH_MAX);
});
