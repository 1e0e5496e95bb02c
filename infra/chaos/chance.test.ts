import { expect, test } from 'vitest';
import { chanceOf, victimsOf, wholeBetween } from './chance.ts';

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

test('everybody is killed once before anybody is killed again', () => {
  const names = ['nats', 'worker', 'api'];
  const victims = victimsOf(chanceOf(5), names, 7);
  expect(victims).toHaveLength(7);
  expect(victims.slice(0, 3).toSorted()).toEqual(names.toSorted());
  expect(victims.slice(3, 6).toSorted()).toEqual(names.toSorted());
  expect(victimsOf(chanceOf(5), [], 7)).toEqual([]);
});
