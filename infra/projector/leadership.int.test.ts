import { afterAll, beforeAll, expect, test } from 'vitest';
import { orders } from '../../projections/orders/orders.ts';
import { leaseEntry } from '../event-store/lease-entry.ts';
import { plantServer } from '../event-store/plant-server.fixture.ts';
import { openLog } from '../log.ts';
import { standForElection } from './leadership.ts';
import { collectionNameOf } from './projection.ts';

let plant: Awaited<ReturnType<typeof plantServer>>;
beforeAll(async () => {
  plant = await plantServer();
});
afterAll(() => plant[Symbol.asyncDispose]());

test('a lease won in the moment in which the program ends is given back', async () => {
  const name = `projection.test.${collectionNameOf(orders)}`;
  const entry = leaseEntry(plant.nc, name, 3);
  const ending = new AbortController();
  const { promise: claimed, resolve } = Promise.withResolvers<void>();
  // Everybody hears the claim before its sender has the answer.
  const listening = plant.nc.subscribe(entry.subject, {
    callback: () => {
      ending.abort();
      resolve();
    },
  });
  const options = { database: 'test', projections: [orders], signal: ending.signal, logger: openLog('test', 'silent') };
  const leadership = standForElection(plant.nc, options);
  await claimed;
  listening.unsubscribe();
  await leadership.release();
  expect(leadership.ledIds).toEqual([]);
  expect((await entry.look()).holder).toBeUndefined();
});
