import type { NatsConnection } from '@nats-io/transport-node';
import type { Command, Decided } from '@stratum/contracts/envelope.ts';
import { type Aggregate, SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { encodeChanges } from '../event-store/codec.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { ratePerSecond } from './measure.ts';

const FLOORS = ['shopfloor1', 'shopfloor2'];
const REPORTS_PER_JOB = 2;
const IN_FLIGHT = 512;
const QUANTITY = 1_000;
const AT = '2026-11-25T10:30:00Z';

/** Events of one order from its placing to its completion. */
export const EVENTS_PER_ORDER = 3 + FLOORS.length * (2 + 2 * REPORTS_PER_JOB);

type Said = { aggregate: Aggregate; event: Decided };

/** Records the whole lives of `orders` orders on PLANT, `atOnce` at the same time, as the product writes them. */
export async function writeOrders(nc: NatsConnection, orders: number, atOnce: number): Promise<void> {
  const publisher = publisherOf(nc);
  const all = [...interleaved(orders, atOnce)];
  await ratePerSecond(all.length, IN_FLIGHT, async (index) => {
    const said = all[index];
    if (said === undefined) return;
    const changes = [{ aggregate: said.aggregate, after: 0, events: [said.event] }];
    const [encoded] = encodeChanges(changes, commandAt(index, said.aggregate));
    if (encoded !== undefined) await publisher.publish(encoded.subject, encoded.body, encoded.headers);
  });
}

function* interleaved(orders: number, atOnce: number): Generator<Said> {
  for (let first = 0; first < orders; first += atOnce) {
    const lives = Array.from({ length: Math.min(atOnce, orders - first) }, (_, index) => lifeOf(first + index));
    for (let step = 0; step < EVENTS_PER_ORDER; step++) yield* lives.flatMap((life) => life[step] ?? []);
  }
}

/** An order from its placing to its completion, in the order things happen. */
export function lifeOf(index: number): Said[] {
  const orderId = `ORD-${index.toString(36).toUpperCase().padStart(12, '0')}`;
  const order = { site: SITE_DEFAULT, entity: 'order' as const, id: orderId };
  const instruction = { orderId, description: 'Cola Bottles 500ml', quantity: QUANTITY, material: 'PET granulate' };
  const jobs = FLOORS.map((shopfloorId) => ({
    jobId: `${orderId}_${shopfloorId}`,
    orderId,
    shopfloorId,
    quantity: QUANTITY / FLOORS.length,
  }));
  const said = (aggregate: Aggregate, type: string, data: unknown): Said => ({ aggregate, event: { type, data } });
  const ofJob = (jobId: string) => ({ site: SITE_DEFAULT, entity: 'job' as const, id: jobId });
  const made = QUANTITY / FLOORS.length / REPORTS_PER_JOB;
  const reports = Array.from({ length: REPORTS_PER_JOB }, (_, nth) =>
    jobs.flatMap(({ quantity, ...job }, floor) => {
      const goodTotal = made * (nth + 1);
      const jobCompleted = nth === REPORTS_PER_JOB - 1;
      const report = {
        ...job,
        reportId: `${job.jobId.slice(4, 16)}${floor}${nth}`,
        description: instruction.description,
        quantity,
        produced: made,
        defective: 0,
        reportedAt: AT,
        goodTotal,
        defectiveTotal: 0,
        jobCompleted,
      };
      const good = made * (nth * FLOORS.length + floor + 1);
      const progress = { orderId, jobId: job.jobId, good, defective: 0, jobCompleted };
      return [said(ofJob(job.jobId), 'WorkReported', report), said(order, 'OrderProgressed', progress)];
    }),
  );
  const capacities = [...FLOORS, 'shopfloor3'].map((shopfloorId, floor) => ({
    shopfloorId,
    capacityPerHour: 100,
    isLive: floor < FLOORS.length,
  }));
  return [
    said(order, 'OrderPlaced', instruction),
    said(order, 'OrderDistributed', {
      orderId,
      method: 'largest-remainder/1',
      capacities,
      jobs: jobs.map(({ jobId, shopfloorId, quantity }) => ({ jobId, shopfloorId, quantity })),
    }),
    ...jobs.map(({ quantity, ...job }) =>
      said(ofJob(job.jobId), 'JobReleased', { ...job, instruction: { ...instruction, quantity } }),
    ),
    ...jobs.map(({ quantity, ...job }) =>
      said(ofJob(job.jobId), 'JobDispatched', { ...job, topic: `shopfloor/${job.shopfloorId}/instructions` }),
    ),
    ...reports.flat(),
    said(order, 'OrderCompleted', { orderId, good: QUANTITY, defective: 0, completedAt: AT, onTime: true }),
  ];
}

function commandAt(index: number, aggregate: Aggregate): Command {
  const id = `bench-${index}`;
  return { id, type: 'Bench', data: null, actor: `reactor:${aggregate.entity}`, correlationId: id, time: AT };
}
