import type { OrderEvent } from '@stratum/contracts/order/order.ts';
import { given } from '@stratum/infra/testing/given.ts';
import { describe, test } from 'vitest';
import { type OrderCommand, order } from './order.ts';

const orderId = 'ORD-1234567890';
const live = (shopfloorId: string, capacityPerHour: number) => ({ shopfloorId, capacityPerHour, isLive: true });
const silent = (shopfloorId: string, capacityPerHour: number) => ({ shopfloorId, capacityPerHour, isLive: false });
const jobOf = (floor: number) => `${orderId}_shopfloor${floor}`;

const placed: OrderEvent = {
  type: 'OrderPlaced',
  data: { orderId, description: 'Cola Bottles 500ml', quantity: 3000, material: 'PET Plastic' },
};
const placedWithDueDate: OrderEvent = { ...placed, data: { ...placed.data, dueAt: '2026-11-24T12:00:00Z' } };
const held: OrderEvent = { type: 'OrderHeld', data: { orderId, reason: 'NoLiveShopfloor' } };
const distributed: OrderEvent = {
  type: 'OrderDistributed',
  data: {
    orderId,
    method: 'largest-remainder/1',
    capacities: [live('shopfloor1', 120), silent('shopfloor2', 500), live('shopfloor3', 80)],
    jobs: [
      { jobId: jobOf(1), shopfloorId: 'shopfloor1', quantity: 1800 },
      { jobId: jobOf(3), shopfloorId: 'shopfloor3', quantity: 1200 },
    ],
  },
};
const progressed = (floor: number, good: number, defective: number, jobCompleted = false): OrderEvent => ({
  type: 'OrderProgressed',
  data: { orderId, jobId: jobOf(floor), good, defective, jobCompleted },
});
const allMade = [distributed, progressed(1, 1795, 5, true), progressed(3, 2990, 10, true)];

type Wish = OrderCommand extends infer C ? (C extends OrderCommand ? Pick<C, 'type' | 'data'> : never) : never;
const command = (wish: Wish): OrderCommand => ({
  ...wish,
  id: 'command1',
  actor: 'account:tester',
  correlationId: 'correlation1',
  time: '2026-11-24T10:00:00Z',
});
const distribute = (...capacities: (typeof distributed)['data']['capacities']) =>
  command({ type: 'DistributeOrder', data: { orderId, capacities } });
const record = (floor: number, good: number, defective: number, jobCompleted = false) =>
  command({ type: 'RecordProgress', data: { orderId, jobId: jobOf(floor), good, defective, jobCompleted } });
const complete = (completedAt = '2026-11-24T11:00:00Z') =>
  command({ type: 'CompleteOrder', data: { orderId, completedAt } });

describe('order', () => {
  test('is placed once', () => {
    const place = command({ type: 'PlaceOrder', data: placed.data });
    given(order, []).when(place).then([placed]);
    given(order, [placed]).when(place).thenRejected('OrderAlreadyPlaced');
  });

  test('keeps its due date', () => {
    given(order, [])
      .when(command({ type: 'PlaceOrder', data: placedWithDueDate.data }))
      .then([placedWithDueDate]);
  });

  test('is split over the live floors only, with the capacities that were used', () => {
    given(order, [placed])
      .when(distribute(live('shopfloor1', 120), silent('shopfloor2', 500), live('shopfloor3', 80)))
      .then([distributed]);
  });

  test('is held when no floor is live, and no second time', () => {
    given(order, [placed])
      .when(distribute(silent('shopfloor1', 120)))
      .then([held]);
    given(order, [placed]).when(distribute()).then([held]);
    given(order, [placed])
      .when(distribute(live('shopfloor1', 0)))
      .then([held]);
    given(order, [placed, held])
      .when(distribute(silent('shopfloor1', 120)))
      .thenNothing();
  });

  test('is distributed after having been held, once a floor returns', () => {
    given(order, [placed, held])
      .when(distribute(live('shopfloor1', 120), silent('shopfloor2', 500), live('shopfloor3', 80)))
      .then([distributed]);
  });

  test('is distributed once', () => {
    given(order, [placed, distributed])
      .when(distribute(live('shopfloor2', 1)))
      .thenNothing();
    given(order, [])
      .when(distribute(live('shopfloor2', 1)))
      .thenRejected('UnknownOrder');
  });

  test('adds up what its jobs report', () => {
    given(order, [placed, distributed])
      .when(record(1, 500, 5))
      .then([progressed(1, 500, 5)]);
    given(order, [placed, distributed, progressed(1, 500, 5)])
      .when(record(3, 300, 2))
      .then([progressed(3, 800, 7)]);
    given(order, [placed, distributed, progressed(1, 500, 5), progressed(3, 800, 7)])
      .when(record(1, 1795, 5, true))
      .then([progressed(1, 2095, 7, true)]);
  });

  test('hears the same progress once, and older progress not at all', () => {
    const history = [placed, distributed, progressed(1, 500, 5)];
    given(order, history)
      .when(record(1, 500, 5))
      .thenNothing();
    given(order, history)
      .when(record(1, 400, 5))
      .thenNothing();
    given(order, [placed, ...allMade])
      .when(record(1, 1795, 5, true))
      .thenNothing();
  });

  test('refuses progress of a job it does not have', () => {
    given(order, [placed, distributed])
      .when(record(2, 1, 0))
      .thenRejected('UnknownJob');
    given(order, [placed])
      .when(record(1, 1, 0))
      .thenRejected('UnknownJob');
  });

  test('is completed when all its jobs are, once', () => {
    const completed: OrderEvent = {
      type: 'OrderCompleted',
      data: { orderId, good: 2990, defective: 10, completedAt: '2026-11-24T11:00:00Z', onTime: true },
    };
    given(order, [placed, ...allMade])
      .when(complete())
      .then([completed]);
    given(order, [placed, ...allMade, completed])
      .when(complete())
      .thenNothing();
    given(order, [placed, ...allMade, completed])
      .when(record(1, 9999, 5, true))
      .thenNothing();
  });

  test('is not completed while a job is open', () => {
    given(order, [placed, distributed, progressed(1, 1795, 5, true)])
      .when(complete())
      .thenRejected('JobsStillOpen');
    given(order, [placed]).when(complete()).thenRejected('JobsStillOpen');
    given(order, []).when(complete()).thenRejected('UnknownOrder');
  });

  test('is late when completed after its due date', () => {
    const completed = (completedAt: string, onTime: boolean): OrderEvent => ({
      type: 'OrderCompleted',
      data: { orderId, good: 2990, defective: 10, completedAt, onTime },
    });
    given(order, [placedWithDueDate, ...allMade])
      .when(complete('2026-11-24T12:00:00.000Z'))
      .then([completed('2026-11-24T12:00:00.000Z', true)]);
    given(order, [placedWithDueDate, ...allMade])
      .when(complete('2026-11-24T12:00:00.001Z'))
      .then([completed('2026-11-24T12:00:00.001Z', false)]);
  });
});
