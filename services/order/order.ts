import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command, Instant } from '@stratum/contracts/envelope.ts';
import { jobIdOf } from '@stratum/contracts/job/job.ts';
import type { OrderEvent } from '@stratum/contracts/order/order.ts';
import { hasCapacity, split } from './split.ts';

/** A floor as it was when an order was distributed; `capacityPerHour` is pieces per hour. */
export type FloorThen = { shopfloorId: string; capacityPerHour: number; isLive: boolean };

export type PlaceOrder = Command<
  'PlaceOrder',
  { orderId: string; description: string; quantity: number; material: string; dueAt?: Instant | undefined }
>;
/** `capacities` lists every floor there was; only the live ones get work. */
export type DistributeOrder = Command<'DistributeOrder', { orderId: string; capacities: FloorThen[] }>;
/** `good` and `defective` are the totals of this job so far, so that a report told twice changes nothing. */
export type RecordProgress = Command<
  'RecordProgress',
  { orderId: string; jobId: string; good: number; defective: number; jobCompleted: boolean }
>;
export type CompleteOrder = Command<'CompleteOrder', { orderId: string; completedAt: Instant }>;
export type OrderCommand = PlaceOrder | DistributeOrder | RecordProgress | CompleteOrder;

type Job = { good: number; defective: number; isCompleted: boolean };
type Placed = { quantity: number; dueAt: Instant | undefined };
export type OrderState =
  | { status: 'None' }
  | (Placed & { status: 'Waiting' | 'Held' })
  | (Placed & { status: 'Distributed' | 'Completed'; good: number; defective: number; jobs: ReadonlyMap<string, Job> });

/** The rules of one order: placed, split over the live shopfloors (or held while there is none), made, completed. */
export const order: Decider<OrderState, OrderCommand, OrderEvent> = {
  entity: 'order',
  initial: { status: 'None' },
  decide,
  evolve,
};

function decide(state: OrderState, command: OrderCommand): OrderEvent[] {
  switch (command.type) {
    case 'PlaceOrder':
      return place(state, command);
    case 'DistributeOrder':
      return distribute(state, command);
    case 'RecordProgress':
      return progress(state, command);
    case 'CompleteOrder':
      return complete(state, command);
  }
}

function place(state: OrderState, { data: { dueAt, ...rest } }: PlaceOrder): OrderEvent[] {
  if (state.status !== 'None') throw new Rejected('OrderAlreadyPlaced', 'An order with this id was placed before.');
  return [{ type: 'OrderPlaced', data: { ...rest, ...(dueAt === undefined ? {} : { dueAt }) } }];
}

/** Without a live floor that has capacity the order is held; a held order that still cannot be distributed stays so. */
function distribute(state: OrderState, { data: { orderId, capacities } }: DistributeOrder): OrderEvent[] {
  switch (state.status) {
    case 'None':
      throw unknownOrder(orderId);
    case 'Distributed':
    case 'Completed':
      return [];
    case 'Waiting':
    case 'Held': {
      const parts = split(state.quantity, capacities.filter(canWork));
      if (parts.length > 0) {
        const jobs = parts.map((part) => ({ jobId: jobIdOf(orderId, part.shopfloorId), ...part }));
        return [{ type: 'OrderDistributed', data: { orderId, method: 'largest-remainder/1', capacities, jobs } }];
      }
      return state.status === 'Held' ? [] : [{ type: 'OrderHeld', data: { orderId, reason: 'NoLiveShopfloor' } }];
    }
  }
}

/** Whether a floor can be given work now. */
export function canWork(floor: FloorThen): boolean {
  return floor.isLive && hasCapacity(floor);
}

function progress(state: OrderState, { data }: RecordProgress): OrderEvent[] {
  const { orderId, jobId, good, defective, jobCompleted } = data;
  if (state.status === 'Completed') return [];
  const job = state.status === 'Distributed' ? state.jobs.get(jobId) : undefined;
  if (state.status !== 'Distributed' || job === undefined) {
    throw new Rejected('UnknownJob', `${jobId} is not a job of order ${orderId}.`);
  }
  const isNews = good + defective > job.good + job.defective || (jobCompleted && !job.isCompleted);
  if (!isNews) return [];
  const totals = { good: state.good + good - job.good, defective: state.defective + defective - job.defective };
  return [{ type: 'OrderProgressed', data: { orderId, jobId, ...totals, jobCompleted } }];
}

function complete(state: OrderState, { data: { orderId, completedAt } }: CompleteOrder): OrderEvent[] {
  if (state.status === 'None') throw unknownOrder(orderId);
  if (state.status === 'Completed') return [];
  if (state.status !== 'Distributed' || ![...state.jobs.values()].every((job) => job.isCompleted)) {
    throw new Rejected('JobsStillOpen', 'Not every job of this order is completed.');
  }
  const { good, defective, dueAt } = state;
  const onTime = dueAt === undefined || Date.parse(completedAt) <= Date.parse(dueAt);
  return [{ type: 'OrderCompleted', data: { orderId, good, defective, completedAt, onTime } }];
}

function evolve(state: OrderState, event: OrderEvent): OrderState {
  switch (event.type) {
    case 'OrderPlaced':
      return { status: 'Waiting', quantity: event.data.quantity, dueAt: event.data.dueAt };
    case 'OrderHeld':
      return state.status === 'Waiting' ? { ...state, status: 'Held' } : state;
    case 'OrderDistributed': {
      if (state.status === 'None') return state;
      const { quantity, dueAt } = state;
      const jobs = event.data.jobs.map(({ jobId }) => [jobId, { good: 0, defective: 0, isCompleted: false }] as const);
      return { status: 'Distributed', quantity, dueAt, good: 0, defective: 0, jobs: new Map(jobs) };
    }
    case 'OrderProgressed': {
      if (state.status !== 'Distributed') return state;
      const { jobId, good, defective, jobCompleted } = event.data;
      const before = state.jobs.get(jobId) ?? { good: 0, defective: 0, isCompleted: false };
      // The event holds the totals of the order; what they grew by, this job made.
      const job = {
        good: before.good + good - state.good,
        defective: before.defective + defective - state.defective,
        isCompleted: before.isCompleted || jobCompleted,
      };
      return { ...state, good, defective, jobs: new Map(state.jobs).set(jobId, job) };
    }
    case 'OrderCompleted':
      return state.status === 'Distributed' ? { ...state, status: 'Completed' } : state;
  }
}

function unknownOrder(orderId: string): Rejected {
  return new Rejected('UnknownOrder', `There is no order ${orderId}.`);
}
