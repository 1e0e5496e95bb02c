import { describe, expect, test } from 'vitest';
import { heard, transitionOf, type WatchedFloor, watch } from './liveness.ts';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 24, 10) + seconds * 1000).toISOString();
const shopfloorId = 'shopfloor1';
const silentFloor: WatchedFloor = {
  shopfloorId,
  site: 'main',
  heartbeatPeriodSeconds: 10,
  isLive: false,
  knownSeenAt: null,
};
const liveFloor: WatchedFloor = { ...silentFloor, isLive: true, knownSeenAt: at(0) };
const hearing = (seenSeconds: number | null, nowSeconds: number, hearingSinceSeconds = -1000) => ({
  seenAt: seenSeconds === null ? null : at(seenSeconds),
  now: new Date(at(nowSeconds)),
  hearingSince: new Date(at(hearingSinceSeconds)),
});

describe('a live shopfloor', () => {
  test('goes silent once its newest sign of life is older than three periods', () => {
    expect(transitionOf(liveFloor, hearing(5, 35))).toBeUndefined();
    expect(transitionOf(liveFloor, hearing(5, 35.001))).toEqual({
      type: 'MarkSilent',
      data: { shopfloorId, lastSeenAt: at(5), silentAfterSeconds: 30 },
      time: at(35.001),
    });
  });

  test('is judged by what the log knows where nothing newer was heard', () => {
    expect(transitionOf(liveFloor, hearing(null, 30))).toBeUndefined();
    expect(transitionOf(liveFloor, hearing(null, 31))?.data).toMatchObject({ lastSeenAt: at(0) });
  });

  test('is not blamed for the time in which nobody could be heard', () => {
    expect(transitionOf(liveFloor, hearing(5, 3600, 3580))).toBeUndefined();
    expect(transitionOf(liveFloor, hearing(5, 3620, 3580))?.type).toBe('MarkSilent');
  });
});

describe('a silent shopfloor', () => {
  test('returns with a fresh sign of life', () => {
    const returned = { type: 'MarkReturned', data: { shopfloorId, seenAt: at(5) }, time: at(5) };
    expect(transitionOf(silentFloor, hearing(5, 6))).toEqual(returned);
    expect(transitionOf({ ...silentFloor, knownSeenAt: at(0) }, hearing(5, 6))).toEqual(returned);
  });

  test('is not woken by an old sign, or by none', () => {
    expect(transitionOf(silentFloor, hearing(5, 36))).toBeUndefined();
    expect(transitionOf(silentFloor, hearing(null, 6))).toBeUndefined();
    expect(transitionOf({ ...silentFloor, knownSeenAt: at(5) }, hearing(5, 6))).toBeUndefined();
  });
});

test('a floor is watched as its events tell', () => {
  const commissioned = {
    type: 'ShopfloorCommissioned',
    data: { shopfloorId, name: 'Bottling', capacityPerHour: 100, heartbeatPeriodSeconds: 10 },
  } as const;
  const returned = { type: 'ShopfloorReturned', data: { shopfloorId, seenAt: at(0) } } as const;
  const silent = {
    type: 'ShopfloorWentSilent',
    data: { shopfloorId, lastSeenAt: at(5), silentAfterSeconds: 30 },
  } as const;
  const capacitySet = { type: 'CapacitySet', data: { shopfloorId, capacityPerHour: 5 } } as const;
  expect(watch(undefined, commissioned, 'main')).toEqual(silentFloor);
  expect(watch(silentFloor, returned, 'main')).toEqual(liveFloor);
  expect(watch(liveFloor, capacitySet, 'main')).toEqual(liveFloor);
  expect(watch(liveFloor, silent, 'main')).toEqual({ ...silentFloor, knownSeenAt: at(5) });
  expect(watch(undefined, returned, 'main')).toBeUndefined();
});

test('the newest sign of life counts, with the names that were used in the last ten minutes', () => {
  const first = heard(undefined, { sequence: 1, recordedAt: at(0) }, '1');
  expect(first).toEqual({ lastSeenAt: at(0), sequence: 1, names: { '1': at(0) } });
  const second = heard(first, { sequence: 2, recordedAt: at(10) }, 'shopfloor1');
  expect(second).toEqual({ lastSeenAt: at(10), sequence: 2, names: { '1': at(0), shopfloor1: at(10) } });
  expect(heard(second, { sequence: 1, recordedAt: at(0) }, '1')).toBe(second);
  expect(heard(second, { sequence: 3, recordedAt: at(601) }, 'shopfloor1').names).toEqual({ shopfloor1: at(601) });
});
