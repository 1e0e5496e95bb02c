import type { NatsConnection } from '@nats-io/nats-core';
import { Rejected } from '@stratum/contracts/decider.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { type RunningReactor, runReactor } from '@stratum/infra/event-store/reactor.ts';
import { readPage } from '@stratum/infra/event-store/read.ts';
import type { Store } from '@stratum/infra/event-store/store.ts';
import type { WorkerDeps } from '../worker/deps.ts';
import { type OrderCommand, order } from './order.ts';
import { learn, newPlanning, type OrderWish, type Planning, wishesOn } from './reactions.ts';

/** What the planning is learned from; floors and orders can be read apart, because neither changes how the other is learned. */
const PLANNING_SUBJECTS = ['plant.*.shopfloor.*', 'plant.*.order.*'];
const PAGE_SIZE = 1_000;

/**
 * Follows the plant's log and issues the commands that orders need: distribute, record progress, complete.
 *
 * The planning (floors and held orders as of a position) is kept in memory. At the first event after a start it is
 * learned anew from the log's shopfloor and order events before that event, without issuing anything: one code path for
 * live work and replay, and no snapshot that could disagree with the log. One event at a time, because what an order is
 * distributed over depends on everything before it.
 */
export function orderReactor({ nc, store, signal, logger }: WorkerDeps): RunningReactor {
  let planning: Planning | undefined;
  return runReactor({
    name: 'order',
    nc,
    stream: 'PLANT',
    inFlightMax: 1,
    signal,
    logger,
    async onEvent(event) {
      if (event.type === 'ReadingRecorded') return;
      planning ??= await planningBefore(nc, event.recorded.sequence);
      learn(planning, event);
      for (const wish of wishesOn(planning, event)) await grant(store, wish, event);
    },
  });
}

/** The planning as of the events before `sequence`. */
export async function planningBefore(nc: NatsConnection, sequence: number): Promise<Planning> {
  const publisher = publisherOf(nc);
  const planning = newPlanning();
  for (const subject of PLANNING_SUBJECTS) {
    let from = 1;
    while (from < sequence) {
      const page = await readPage(publisher, 'PLANT', { from, subject, limit: PAGE_SIZE });
      for (const message of page.filter((each) => each.sequence < sequence)) {
        const event = decodePlantEvent(message);
        if (event !== undefined) learn(planning, event);
      }
      from = (page.at(-1)?.sequence ?? sequence) + 1;
    }
  }
  return planning;
}

/** The id tells the cause and the order, so that a second worker, or this one after a crash, does nothing twice. */
async function grant(store: Store, wish: OrderWish, cause: PlantEvent): Promise<void> {
  const { site, orderId, ...rest } = wish;
  const command: OrderCommand = {
    ...rest,
    id: `order:${cause.recorded.position}:${orderId}`,
    actor: 'reactor:order',
    correlationId: cause.envelope.correlationId,
  };
  try {
    await handle(store, order, { site, entity: 'order', id: orderId }, command);
  } catch (error) {
    // Each job that is completed asks for the whole order; only the last one is right.
    if (!(error instanceof Rejected && error.code === 'JobsStillOpen')) throw error;
  }
}
