import { expect, test } from 'vitest';
import { chanceOf, shuffled, wholeBetween } from './chance.ts';

test('the same seed gives the same numbers, all from 0 up to 1', () => {
  const [one, other] = [chanceOf(7), chanceOf(7)];
  const numbers = Array.from({ length: 1000 }, one);
  expect(numbers).toEqual(Array.from({ length: 1000 }, other));
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
  expect(new Set(numbers).size).toBe(1000);
});

test('whole numbers lie between their bounds and reach both', () => {
  const chance = chanceOf(1);
  const numbers = new Set(Array.from({ length: 200 }, () => wholeBetween(chance, 3, 6)));
  expect([...numbers].toSorted()).toEqual([3, 4, 5, 6]);
});

test('shuffled items are the same items', () => {
  const items = [1, 2, 3, 4, 5, 6, 7, 8];
  const order = shuffled(chanceOf(5), items);
  expect(order.toSorted()).toEqual(items);
  expect(order).not.toEqual(items);
});
