import type { Decider } from '@stratum/contracts/decider.ts';
import { type Command, parsePosition } from '@stratum/contracts/envelope.ts';
import type { OrderEvent } from '@stratum/contracts/order/order.ts';
import type { Aggregate } from '@stratum/contracts/subjects.ts';
import type { Appended, Change, RecordedEvent, Store } from './store.ts';

/** For tests: a small aggregate that counts, made of events of the contract. */
export type CapacityEvent = { type: 'CapacitySet'; data: { shopfloorId: string; capacityPerHour: number } };
export type AddCapacity = Command<'AddCapacity', { times: number }>;

/** Adds one piece per hour as many times as told, an event each. */
export const capacityDecider: Decider<number, AddCapacity, CapacityEvent> = {
  entity: 'shopfloor',
  initial: 0,
  decide: (capacity, { data }) => Array.from({ length: data.times }, (_, index) => capacitySet(capacity + index + 1)),
  evolve: (_capacity, { data }) => data.capacityPerHour,
};

export function capacitySet(capacityPerHour: number): CapacityEvent {
  return { type: 'CapacitySet', data: { shopfloorId: 'shopfloor1', capacityPerHour } };
}

/** So many events on one aggregate, after a sequence. */
export function changeOf(aggregate: Aggregate, after: number, ...capacities: number[]): Change {
  return { aggregate, after, events: capacities.map(capacitySet) };
}

export function sequenceOf(outcome: Appended): number {
  if ('conflict' in outcome) throw new Error(`a conflict with ${outcome.conflict.map(({ id }) => id)}`);
  return parsePosition(outcome.position).sequence;
}

export function capacitiesIn(events: RecordedEvent[]): number[] {
  return events.map((event) => (event.type === 'CapacitySet' ? event.data.capacityPerHour : Number.NaN));
}

export function shopfloor(id: string): Aggregate {
  return { site: 'main', entity: 'shopfloor', id };
}

export function addCapacity(id: string, times = 1): AddCapacity {
  const time = '2026-01-01T00:00:00Z';
  return { id, type: 'AddCapacity', data: { times }, actor: 'account:anna', correlationId: `because-${id}`, time };
}

/** The same log as another process sees it: `handle` remembers nothing of what the first one knows. */
export function rivalOf({ read, history, append }: Store): Store {
  return { read, history, append };
}

/** An event of any size, on an aggregate of the kind `order`. */
export function orderPlaced(description: string): OrderEvent {
  return { type: 'OrderPlaced', data: { orderId: 'ORD-0123456789', description, quantity: 1, material: 'steel' } };
}
