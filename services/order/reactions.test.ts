import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { recordedEvent } from '@stratum/infra/projector/testing.ts';
import { describe, expect, test } from 'vitest';
import { learn, newPlanning, wishesOn } from './reactions.ts';

const orderId = 'ORD-1234567890';
const otherId = 'ORD-0000000000';
const time = '2026-11-24T10:00:00Z';
const at = { occurredAt: time, recordedAt: '2026-11-24T10:00:01.000Z' };

const commissioned = (shopfloorId: string, capacityPerHour: number, site = 'main') =>
  recordedEvent(
    1,
    {
      type: 'ShopfloorCommissioned',
      data: { shopfloorId, name: shopfloorId, capacityPerHour, heartbeatPeriodSeconds: 10 },
    },
    { ...at, site },
  );
const returned = (shopfloorId: string) =>
  recordedEvent(2, { type: 'ShopfloorReturned', data: { shopfloorId, seenAt: time } }, at);
const silent = (shopfloorId: string) =>
  recordedEvent(
    3,
    { type: 'ShopfloorWentSilent', data: { shopfloorId, lastSeenAt: time, silentAfterSeconds: 30 } },
    at,
  );
const capacitySet = (shopfloorId: string, capacityPerHour: number) =>
  recordedEvent(4, { type: 'CapacitySet', data: { shopfloorId, capacityPerHour } }, at);
const placed = recordedEvent(
  5,
  { type: 'OrderPlaced', data: { orderId, description: 'Cola', quantity: 100, material: 'PET' } },
  at,
);
const held = (id: string) =>
  recordedEvent(6, { type: 'OrderHeld', data: { orderId: id, reason: 'NoLiveShopfloor' } }, at);
const distributed = (id: string) =>
  recordedEvent(
    7,
    { type: 'OrderDistributed', data: { orderId: id, method: 'largest-remainder/1', capacities: [], jobs: [] } },
    at,
  );

/** What the last event gives reason to, after the others. */
function wishesAfter(...events: PlantEvent[]) {
  const last = events.at(-1);
  if (last === undefined) throw new Error('no event');
  const planning = newPlanning();
  for (const event of events) learn(planning, event);
  return wishesOn(planning, last);
}
const distribution = (
  id: string,
  ...capacities: { shopfloorId: string; capacityPerHour: number; isLive: boolean }[]
) => ({
  type: 'DistributeOrder',
  data: { orderId: id, capacities },
  time,
  site: 'main',
  orderId: id,
});
const floor = (shopfloorId: string, capacityPerHour: number, isLive: boolean) => ({
  shopfloorId,
  capacityPerHour,
  isLive,
});

describe('orders', () => {
  test('are distributed with the capacities and signs of life of that moment, on their own site', () => {
    expect(
      wishesAfter(
        commissioned('a', 10),
        commissioned('b', 20),
        commissioned('c', 30, 'elsewhere'),
        returned('a'),
        returned('b'),
        capacitySet('a', 15),
        silent('b'),
        placed,
      ),
    ).toEqual([distribution(orderId, floor('a', 15, true), floor('b', 20, false))]);
  });

  test('that are held are distributed, oldest first, when a floor returns', () => {
    expect(wishesAfter(commissioned('a', 10), held(otherId), held(orderId), returned('a'))).toEqual([
      distribution(otherId, floor('a', 10, true)),
      distribution(orderId, floor('a', 10, true)),
    ]);
  });

  test('that are held are distributed when a live floor gets capacity, not when a silent one does', () => {
    expect(wishesAfter(commissioned('a', 0), returned('a'), held(orderId), capacitySet('a', 5))).toEqual([
      distribution(orderId, floor('a', 5, true)),
    ]);
    expect(wishesAfter(commissioned('a', 0), held(orderId), capacitySet('a', 5))).toEqual([]);
  });

  test('are distributed at once if a floor returned while they were being held', () => {
    expect(wishesAfter(commissioned('a', 10), returned('a'), held(orderId))).toEqual([
      distribution(orderId, floor('a', 10, true)),
    ]);
    expect(wishesAfter(commissioned('a', 10), held(orderId))).toEqual([]);
  });

  test('that were distributed wait for nothing any more', () => {
    expect(wishesAfter(commissioned('a', 10), held(orderId), distributed(orderId), returned('a'))).toEqual([]);
  });

  test('progress with every report', () => {
    const jobId = `${orderId}_a`;
    const reported = recordedEvent(8, {
      type: 'WorkReported',
      data: {
        jobId,
        orderId,
        shopfloorId: 'a',
        reportId: 'r',
        description: 'Cola',
        quantity: 100,
        produced: 10,
        defective: 1,
        reportedAt: time,
        goodTotal: 60,
        defectiveTotal: 4,
        jobCompleted: false,
      },
    });
    const data = { orderId, jobId, good: 60, defective: 4, jobCompleted: false };
    expect(wishesAfter(reported)).toEqual([{ type: 'RecordProgress', data, time, site: 'main', orderId }]);
  });

  test('are asked whether they are completed when a job is, never in the future', () => {
    const progressed = (jobCompleted: boolean, occurredAt: string) =>
      recordedEvent(
        9,
        {
          type: 'OrderProgressed',
          data: { orderId, jobId: `${orderId}_a`, good: 96, defective: 4, jobCompleted },
        },
        { ...at, occurredAt },
      );
    const complete = (completedAt: string) => ({
      type: 'CompleteOrder',
      data: { orderId, completedAt },
      time: completedAt,
      site: 'main',
      orderId,
    });
    expect(wishesAfter(progressed(false, time))).toEqual([]);
    expect(wishesAfter(progressed(true, time))).toEqual([complete(time)]);
    expect(wishesAfter(progressed(true, '2030-01-01T00:00:00Z'))).toEqual([complete(at.recordedAt)]);
  });
});
