import type { ShopfloorEvent } from '@stratum/contracts/shopfloor/shopfloor.ts';
import { given } from '@stratum/infra/testing/given.ts';
import { describe, test } from 'vitest';
import { type ShopfloorCommand, shopfloor } from './shopfloor.ts';

const shopfloorId = 'shopfloor1';
const floor = { shopfloorId, name: 'Bottling', capacityPerHour: 120, heartbeatPeriodSeconds: 10 };
const commissioned: ShopfloorEvent = { type: 'ShopfloorCommissioned', data: floor };
const capacitySet = (capacityPerHour: number): ShopfloorEvent => ({
  type: 'CapacitySet',
  data: { shopfloorId, capacityPerHour },
});
const returned = (seenAt: string): ShopfloorEvent => ({ type: 'ShopfloorReturned', data: { shopfloorId, seenAt } });
const wentSilent = (lastSeenAt: string | null): ShopfloorEvent => ({
  type: 'ShopfloorWentSilent',
  data: { shopfloorId, lastSeenAt, silentAfterSeconds: 30 },
});

type Wish = ShopfloorCommand extends infer C ? (C extends ShopfloorCommand ? Pick<C, 'type' | 'data'> : never) : never;
const command = (wish: Wish): ShopfloorCommand => ({
  ...wish,
  id: 'command1',
  actor: 'account:tester',
  correlationId: 'correlation1',
  time: '2026-11-24T10:00:00Z',
});
const commission = (changes: Partial<typeof floor> = {}) =>
  command({ type: 'CommissionShopfloor', data: { ...floor, ...changes } });
const setCapacity = (capacityPerHour: number) =>
  command({ type: 'SetCapacity', data: { shopfloorId, capacityPerHour } });
const markSilent = (lastSeenAt: string | null) =>
  command({ type: 'MarkSilent', data: { shopfloorId, lastSeenAt, silentAfterSeconds: 30 } });
const markReturned = (seenAt: string) => command({ type: 'MarkReturned', data: { shopfloorId, seenAt } });

const early = '2026-11-24T10:00:00Z';
const late = '2026-11-24T10:05:00Z';

describe('shopfloor', () => {
  test('is commissioned once; the same again is already so, another under its id is refused', () => {
    given(shopfloor, []).when(commission()).then([commissioned]);
    given(shopfloor, [commissioned]).when(commission()).thenNothing();
    given(shopfloor, [commissioned])
      .when(commission({ name: 'Packing' }))
      .thenRejected('ShopfloorAlreadyCommissioned');
  });

  test('has its capacity set, unless it is that already', () => {
    given(shopfloor, [commissioned])
      .when(setCapacity(90))
      .then([capacitySet(90)]);
    given(shopfloor, [commissioned]).when(setCapacity(120)).thenNothing();
    given(shopfloor, [commissioned, returned(early), capacitySet(0)])
      .when(setCapacity(0))
      .thenNothing();
  });

  test('starts silent and returns with its first sign of life, once', () => {
    given(shopfloor, [commissioned])
      .when(markReturned(early))
      .then([returned(early)]);
    given(shopfloor, [commissioned, returned(early)])
      .when(markReturned(late))
      .thenNothing();
    given(shopfloor, [commissioned]).when(markSilent(null)).thenNothing();
  });

  test('goes silent once, and returns', () => {
    given(shopfloor, [commissioned, returned(early)])
      .when(markSilent(late))
      .then([wentSilent(late)]);
    given(shopfloor, [commissioned, returned(early), wentSilent(late)])
      .when(markSilent(late))
      .thenNothing();
    given(shopfloor, [commissioned, returned(early), wentSilent(early)])
      .when(markReturned(late))
      .then([returned(late)]);
  });

  test('is not moved by knowledge older than what it knows', () => {
    given(shopfloor, [commissioned, returned(late)])
      .when(markSilent(early))
      .thenNothing();
    given(shopfloor, [commissioned, returned(early), wentSilent(late)])
      .when(markReturned(late))
      .thenNothing();
  });

  test('must exist for anything to happen to it', () => {
    given(shopfloor, []).when(setCapacity(1)).thenRejected('UnknownShopfloor');
    given(shopfloor, []).when(markSilent(null)).thenRejected('UnknownShopfloor');
    given(shopfloor, []).when(markReturned(early)).thenRejected('UnknownShopfloor');
  });
});
