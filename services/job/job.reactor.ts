import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { type RunningReactor, runReactor } from '@stratum/infra/event-store/reactor.ts';
import type { Store } from '@stratum/infra/event-store/store.ts';
import type { WorkerDeps } from '../worker/deps.ts';
import { job, type ReleaseJob } from './job.ts';

const IN_FLIGHT_MAX = 16;

/** Follows the plant's log and releases the jobs of every order that is distributed. */
export function jobReactor({ nc, store, signal, logger }: WorkerDeps): RunningReactor {
  return runReactor({
    name: 'job',
    nc,
    stream: 'PLANT',
    subject: 'plant.*.order.*',
    inFlightMax: IN_FLIGHT_MAX,
    signal,
    logger,
    async onEvent(event) {
      if (event.type === 'OrderDistributed') await release(store, event);
    },
  });
}

async function release(store: Store, distributed: Extract<PlantEvent, { type: 'OrderDistributed' }>): Promise<void> {
  const { orderId, jobs } = distributed.data;
  const { site } = distributed.recorded;
  const { description, material, dueAt } = await placedOrder(store, { site, orderId });
  for (const { jobId, shopfloorId, quantity } of jobs) {
    const instruction = { orderId, description, quantity, material };
    const command: ReleaseJob = {
      id: `job:${distributed.recorded.position}:${jobId}`,
      type: 'ReleaseJob',
      data: { jobId, orderId, shopfloorId, instruction, dueAt },
      actor: 'reactor:job',
      correlationId: distributed.envelope.correlationId,
      time: distributed.envelope.occurredAt,
    };
    await handle(store, job, { site, entity: 'job', id: jobId }, command);
  }
}

/** What was ordered stands in the order's own events, which never change. */
async function placedOrder(store: Store, { site, orderId }: { site: string; orderId: string }) {
  const events = await store.read({ site, entity: 'order', id: orderId });
  const placed = events.find((event) => event.type === 'OrderPlaced');
  if (placed === undefined) throw new Error(`${orderId} was distributed but never placed`);
  return placed.data;
}
