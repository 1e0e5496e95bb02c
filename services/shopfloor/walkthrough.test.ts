import type { Aggregate } from '@stratum/contracts/subjects.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { memoryStore } from '@stratum/infra/event-store/memory.ts';
import { foldAll } from '@stratum/infra/projector/testing.ts';
import { shopfloors } from '@stratum/projections/shopfloors/shopfloors.ts';
import { expect, test } from 'vitest';
import { type ShopfloorCommand, shopfloor } from './shopfloor.ts';

// The story that docs/event-sourcing.md tells, from a wish to a read model.

const floor: Aggregate = { site: 'main', entity: 'shopfloor', id: 'shopfloor1' };
const commission: ShopfloorCommand['data'] & { name: string } = {
  shopfloorId: 'shopfloor1',
  name: 'Bottling',
  capacityPerHour: 120,
  heartbeatPeriodSeconds: 10,
};

function wish(id: string, type: ShopfloorCommand['type'], data: object): ShopfloorCommand {
  const time = '2026-11-24T20:00:00Z';
  return { id, type, data, actor: 'account:mia', correlationId: id, time } as ShopfloorCommand;
}

test('a capacity is set, read, read as of before, and computed once more from the log', async () => {
  const store = memoryStore();
  await handle(store, shopfloor, floor, wish('c1', 'CommissionShopfloor', commission));
  await handle(store, shopfloor, floor, wish('c2', 'SetCapacity', { shopfloorId: 'shopfloor1', capacityPerHour: 90 }));
  await handle(store, shopfloor, floor, wish('c3', 'SetCapacity', { shopfloorId: 'shopfloor1', capacityPerHour: 150 }));

  const events = await store.read(floor);
  expect(events.map(({ type }) => type)).toEqual(['ShopfloorCommissioned', 'CapacitySet', 'CapacitySet']);

  const now = foldAll(shopfloors, events).get('shopfloor1');
  expect(now?.capacityPerHour).toBe(150);

  const asOfTwo = events.filter(({ recorded }) => recorded.sequence <= 2);
  expect(foldAll(shopfloors, asOfTwo).get('shopfloor1')?.capacityPerHour).toBe(90);

  const onceMore = foldAll(shopfloors, [...events, ...events]).get('shopfloor1');
  expect(onceMore).toEqual(now);

  // The same wish again, as after an answer that got lost, is already so.
  const again = await handle(store, shopfloor, floor, wish('c3', 'SetCapacity', { capacityPerHour: 150 }));
  expect(again).toEqual({ position: 'PLANT:3', events: [] });
  expect(await store.read(floor)).toHaveLength(3);
});
