import { placeOrderRequest } from '@stratum/contracts/order/order.ts';
import { expect, test } from 'vitest';
import { minutesUntilNext, OPENING_MADE, OPENING_ORDERS, orderAt } from './orders.ts';

const first = Array.from({ length: 200 }, (_, index) => orderAt(7, index));

test('every order is one that the API takes', () => {
  for (const { dueInMinutes: _, ...order } of first) expect(placeOrderRequest.parse(order)).toEqual(order);
});

test('a dozen orders open the plant: small ones to be made at once, one that takes hours, some behind it', () => {
  expect(OPENING_ORDERS).toBe(12);
  expect(Math.max(...first.slice(0, OPENING_MADE).map(({ quantity }) => quantity))).toBeLessThanOrEqual(1_200);
  expect(first[OPENING_MADE]?.quantity).toBe(60_000);
  expect(first.filter(({ quantity }) => quantity === 60_000).length).toBe(5);
});

test('orders differ, some have a date, some of those too early to be met', () => {
  expect(new Set(first.map(({ description }) => description)).size).toBe(7);
  const due = first.flatMap(({ dueInMinutes }) => dueInMinutes ?? []);
  expect(due.length).toBeGreaterThan(80);
  expect(due.filter((minutes) => minutes < 10).length).toBeGreaterThan(10);
});

test('the next order comes after about ten minutes', () => {
  const minutes = first.map((_, index) => minutesUntilNext(7, index));
  expect(Math.min(...minutes)).toBeGreaterThanOrEqual(8);
  expect(Math.max(...minutes)).toBeLessThanOrEqual(12);
});
