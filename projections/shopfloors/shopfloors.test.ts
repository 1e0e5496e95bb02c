import type { JobEvent } from '@stratum/contracts/job/job.ts';
import type { ShopfloorEvent } from '@stratum/contracts/shopfloor/shopfloor.ts';
import { expectLaws, foldAll, recordedEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shopfloors } from './shopfloors.ts';

type Fact = ShopfloorEvent | JobEvent;
const shopfloorId = 'shopfloor1';
const orderId = 'ORD-1234567890';
const at = (second: number) => new Date(Date.UTC(2026, 10, 24, 10, 0, second)).toISOString();
const job = { jobId: `${orderId}_${shopfloorId}`, orderId, shopfloorId };

const commissioned: Fact = {
  type: 'ShopfloorCommissioned',
  data: { shopfloorId, name: 'Bottling', capacityPerHour: 120, heartbeatPeriodSeconds: 10 },
};
const capacitySet = (capacityPerHour: number): Fact => ({
  type: 'CapacitySet',
  data: { shopfloorId, capacityPerHour },
});
const returned: Fact = { type: 'ShopfloorReturned', data: { shopfloorId, seenAt: at(30) } };
const silent: Fact = {
  type: 'ShopfloorWentSilent',
  data: { shopfloorId, lastSeenAt: at(30), silentAfterSeconds: 30 },
};
const released = (quantity: number): Fact => ({
  type: 'JobReleased',
  data: { ...job, instruction: { orderId, description: 'Cola', quantity, material: 'PET' } },
});
const reported = (produced: number, defective: number, goodTotal: number, defectiveTotal: number): Fact => ({
  type: 'WorkReported',
  data: {
    ...job,
    reportId: `r${goodTotal}`,
    description: 'Cola',
    quantity: 100,
    produced,
    defective,
    reportedAt: at(0),
    goodTotal,
    defectiveTotal,
    jobCompleted: goodTotal + defectiveTotal >= 100,
  },
});

const recorded = (facts: Fact[]) =>
  facts.map((fact, index) => recordedEvent(index + 1, fact, { occurredAt: at(index + 1) }));
const floorAfter = (...facts: Fact[]) => foldAll(shopfloors, recorded(facts)).get(shopfloorId);

describe('a shopfloor', () => {
  test('starts silent and without work', () => {
    expect(floorAfter(commissioned)).toEqual({
      _id: shopfloorId,
      site: 'main',
      name: 'Bottling',
      capacityPerHour: 120,
      heartbeatPeriodSeconds: 10,
      isLive: false,
      changedAt: at(1),
      openJobs: 0,
      openPieces: 0,
      good: 0,
      defective: 0,
      _position: 1,
    });
  });

  test('is live or silent since its last change of that', () => {
    expect(floorAfter(commissioned, returned)).toMatchObject({ isLive: true, changedAt: at(30) });
    expect(floorAfter(commissioned, returned, silent)).toMatchObject({ isLive: false, changedAt: at(3) });
    expect(floorAfter(commissioned, returned, capacitySet(5))).toMatchObject({ capacityPerHour: 5, changedAt: at(30) });
  });

  test('has open what was released and not yet reported', () => {
    const life = [commissioned, released(100), released(50)];
    expect(floorAfter(...life)).toMatchObject({ openJobs: 2, openPieces: 150 });
    expect(floorAfter(...life, reported(60, 5, 60, 5))).toMatchObject({ openJobs: 2, openPieces: 85, good: 60 });
  });

  test('has nothing open of a job that made more than was asked for', () => {
    const life = [commissioned, released(100), reported(60, 5, 60, 5), reported(70, 0, 130, 5)];
    expect(floorAfter(...life)).toMatchObject({ openJobs: 0, openPieces: 0, good: 130, defective: 5 });
  });

  test('folds to the same however its history is cut and repeated', () => {
    const facts = fc.oneof(
      fc.constantFrom(commissioned, returned, silent),
      fc.nat(200).map(capacitySet),
      fc.integer({ min: 1, max: 200 }).map(released),
      fc.tuple(fc.nat(50), fc.nat(5), fc.nat(90), fc.nat(20)).map((pieces) => reported(...pieces)),
    );
    expectLaws(shopfloors, fc.array(facts, { maxLength: 20 }).map(recorded));
  });
});
