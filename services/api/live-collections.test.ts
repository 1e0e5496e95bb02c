import { expect, test } from 'vitest';
import { liveCollections } from './live-collections.ts';

const collections = liveCollections([
  { name: 'orders', stream: 'PLANT' },
  { name: 'reports', stream: 'PLANT' },
  { name: 'shopfloors', stream: 'PLANT' },
  { name: 'history_hours', stream: 'TELEMETRY' },
]);
const own = (name: string, document: Record<string, unknown>, shopfloorId?: string) =>
  collections[name]?.part?.of(document, {
    id: 'a',
    email: 'a@b.c',
    name: 'A',
    role: 'shopfloor-user',
    ...(shopfloorId === undefined ? {} : { shopfloorId }),
  });

test('only read models that somebody may watch are live, and signs of life', () => {
  expect(Object.keys(collections)).toEqual(['orders', 'reports', 'shopfloors', 'heartbeats']);
});

test('a shopfloor user sees of an order the job of their own floor', () => {
  const order = { _id: 'ORD-1', capacities: [1], jobs: [{ shopfloorId: 'shopfloor1' }, { shopfloorId: 'shopfloor2' }] };
  expect(own('orders', order, 'shopfloor2')).toEqual({
    _id: 'ORD-1',
    capacities: [],
    jobs: [{ shopfloorId: 'shopfloor2' }],
  });
  expect(own('orders', order, 'shopfloor3')).toBeUndefined();
  expect(own('orders', order)).toBeUndefined();
});

test('a shopfloor user sees the reports of their own floor, the floor, and its signs of life', () => {
  expect(own('reports', { shopfloorId: 'shopfloor1' }, 'shopfloor1')).toEqual({ shopfloorId: 'shopfloor1' });
  expect(own('reports', { shopfloorId: 'shopfloor2' }, 'shopfloor1')).toBeUndefined();
  expect(own('shopfloors', { _id: 'shopfloor1' }, 'shopfloor1')).toEqual({ _id: 'shopfloor1' });
  expect(own('shopfloors', { _id: 'shopfloor2' }, 'shopfloor1')).toBeUndefined();
  expect(own('heartbeats', { _id: 'shopfloor1' }, 'shopfloor1')).toEqual({ _id: 'shopfloor1' });
  expect(own('heartbeats', { _id: 'shopfloor2' }, 'shopfloor1')).toBeUndefined();
});
