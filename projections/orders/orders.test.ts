import type { JobEvent } from '@stratum/contracts/job/job.ts';
import type { OrderEvent } from '@stratum/contracts/order/order.ts';
import { expectLaws, foldAll, recordedEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orders } from './orders.ts';
import { workOf } from './work.ts';

type Fact = OrderEvent | JobEvent;
const orderId = 'ORD-1234567890';
const at = (second: number) => new Date(Date.UTC(2026, 10, 24, 10, 0, second)).toISOString();
const keyOf = (floor: number) => ({
  jobId: `${orderId}_shopfloor${floor}`,
  orderId,
  shopfloorId: `shopfloor${floor}`,
});
const floorsThen = [
  { shopfloorId: 'shopfloor1', capacityPerHour: 120, isLive: true },
  { shopfloorId: 'shopfloor2', capacityPerHour: 80, isLive: true },
];

const placed: Fact = {
  type: 'OrderPlaced',
  data: { orderId, description: 'Cola', quantity: 100, material: 'PET', dueAt: at(50) },
};
const held: Fact = { type: 'OrderHeld', data: { orderId, reason: 'NoLiveShopfloor' } };
const distributed: Fact = {
  type: 'OrderDistributed',
  data: {
    orderId,
    method: 'largest-remainder/1',
    capacities: floorsThen,
    jobs: [
      { jobId: keyOf(1).jobId, shopfloorId: 'shopfloor1', quantity: 60 },
      { jobId: keyOf(2).jobId, shopfloorId: 'shopfloor2', quantity: 40 },
    ],
  },
};
const dispatched = (floor: number): Fact => ({
  type: 'JobDispatched',
  data: { ...keyOf(floor), topic: `shopfloor/shopfloor${floor}/instructions` },
});
const reported = (floor: number, goodTotal: number, defectiveTotal: number, jobCompleted = false): Fact => ({
  type: 'WorkReported',
  data: {
    ...keyOf(floor),
    reportId: `r${goodTotal}`,
    description: 'Cola',
    quantity: floor === 1 ? 60 : 40,
    produced: goodTotal,
    defective: defectiveTotal,
    reportedAt: at(goodTotal % 60),
    goodTotal,
    defectiveTotal,
    jobCompleted,
  },
});
const completed: Fact = {
  type: 'OrderCompleted',
  data: { orderId, good: 97, defective: 3, completedAt: at(40), onTime: true },
};

const recorded = (facts: Fact[]) =>
  facts.map((fact, index) => recordedEvent(index + 1, fact, { occurredAt: at(index + 1), entity: 'order' }));
const orderAfter = (...facts: Fact[]) => foldAll(orders, recorded(facts)).get(orderId);

describe('an order', () => {
  test('waits when it is placed', () => {
    expect(orderAfter(placed)).toEqual({
      _id: orderId,
      site: 'main',
      description: 'Cola',
      quantity: 100,
      material: 'PET',
      dueAt: at(50),
      state: 'Waiting',
      placedAt: at(1),
      placedBy: 'account:tester',
      placedPosition: 1,
      completedAt: null,
      onTime: null,
      good: 0,
      defective: 0,
      jobs: [],
      capacities: [],
      _position: 1,
    });
  });

  test('is held, then waits for its instructions with the jobs it was split into', () => {
    expect(orderAfter(placed, held)).toMatchObject({ state: 'Held', jobs: [] });
    expect(orderAfter(placed, held, distributed)).toMatchObject({
      state: 'Waiting',
      capacities: floorsThen,
      jobs: [
        { jobId: keyOf(1).jobId, shopfloorId: 'shopfloor1', quantity: 60, state: 'Waiting', dispatchedAt: null },
        { jobId: keyOf(2).jobId, shopfloorId: 'shopfloor2', quantity: 40, state: 'Waiting', dispatchedAt: null },
      ],
    });
  });

  test('is dispatched with its first instruction and runs with its first report', () => {
    const life = [placed, distributed, dispatched(1)];
    expect(orderAfter(...life)).toMatchObject({
      state: 'Dispatched',
      jobs: [{ state: 'Dispatched', dispatchedAt: at(3) }, { state: 'Waiting' }],
    });
    expect(orderAfter(...life, reported(1, 20, 1), dispatched(2))).toMatchObject({
      state: 'Running',
      good: 20,
      defective: 1,
      jobs: [{ state: 'Running', good: 20, defective: 1 }, { state: 'Dispatched' }],
    });
  });

  test('goes no step back when a report overtakes the acknowledgement of its instruction', () => {
    expect(orderAfter(placed, distributed, reported(1, 60, 0, true), dispatched(1))).toMatchObject({
      state: 'Running',
      jobs: [{ state: 'Completed', dispatchedAt: at(4), completedAt: at(0) }, { state: 'Waiting' }],
    });
  });

  test('adds up its jobs, and is completed by its own event alone', () => {
    const life = [placed, distributed, reported(1, 58, 2, true), reported(2, 39, 1, true)];
    expect(orderAfter(...life)).toMatchObject({ state: 'Running', good: 97, defective: 3, completedAt: null });
    expect(orderAfter(...life, completed)).toMatchObject({
      state: 'Completed',
      good: 97,
      defective: 3,
      completedAt: at(40),
      onTime: true,
    });
    expect(orderAfter(...life, completed, dispatched(1))).toMatchObject({ state: 'Completed' });
  });

  test('is work for each of its shopfloors', () => {
    const order = orderAfter(placed, distributed, dispatched(2));
    expect(order && workOf(order, 'shopfloor2')).toEqual([
      {
        orderId,
        jobId: keyOf(2).jobId,
        description: 'Cola',
        material: 'PET',
        quantity: 40,
        good: 0,
        defective: 0,
        state: 'Dispatched',
        placedAt: at(1),
        dueAt: at(50),
        dispatchedAt: at(3),
        completedAt: null,
      },
    ]);
    expect(order && workOf(order, 'shopfloor3')).toEqual([]);
  });

  test('folds to the same however its history is cut and repeated', () => {
    const facts = fc.oneof(
      fc.constantFrom(placed, held, distributed, completed),
      fc.constantFrom(1, 2).map(dispatched),
      fc.tuple(fc.constantFrom(1, 2), fc.nat(60), fc.nat(5), fc.boolean()).map((report) => reported(...report)),
    );
    expectLaws(orders, fc.array(facts, { maxLength: 20 }).map(recorded));
  });
});
