import type { JobState, OrderDocument } from '@stratum/contracts/order/order.ts';
import type { Folded, ProjectedEvent, Projection } from '@stratum/infra/projector/projection.ts';

type Job = OrderDocument['jobs'][number];

/**
 * Every order with its jobs inside. The pieces of an order are the sum over its jobs, taken from the reports
 * themselves, so that order and jobs never disagree.
 */
export const orders: Projection<OrderDocument> = {
  name: 'orders',
  version: 1,
  stream: 'PLANT',
  // The last one is for browsers that come back and are sent what has changed since.
  indexes: [['placedPosition'], ['state', 'placedPosition'], ['jobs.shopfloorId', 'placedPosition'], ['_position']],
  bornBy: (sequence) => ({ field: 'placedPosition', atMost: sequence }),
  keys(event) {
    switch (event.type) {
      case 'OrderPlaced':
      case 'OrderHeld':
      case 'OrderDistributed':
      case 'OrderCompleted':
      case 'JobDispatched':
      case 'WorkReported':
        return [event.data.orderId];
      default:
        return [];
    }
  },
  fold: (document, event) => (event.type === 'OrderPlaced' ? placed(event) : document && changed(document, event)),
};

function placed(event: Extract<ProjectedEvent, { type: 'OrderPlaced' }>): Folded<OrderDocument> {
  const { orderId, description, quantity, material, dueAt = null } = event.data;
  return {
    _id: orderId,
    site: event.recorded.site,
    description,
    quantity,
    material,
    dueAt,
    state: 'Waiting',
    placedAt: event.envelope.occurredAt,
    placedBy: event.envelope.actor,
    placedPosition: event.recorded.sequence,
    completedAt: null,
    onTime: null,
    good: 0,
    defective: 0,
    jobs: [],
    capacities: [],
  };
}

function changed(document: OrderDocument, event: ProjectedEvent): Folded<OrderDocument> {
  switch (event.type) {
    case 'OrderHeld':
      return { ...document, state: 'Held' };
    case 'OrderDistributed': {
      const { jobs, capacities } = event.data;
      return { ...document, state: 'Waiting', capacities, jobs: jobs.map(waitingJob) };
    }
    case 'JobDispatched': {
      const dispatchedAt = event.envelope.occurredAt;
      return withJob(document, event.data.jobId, (job) => ({
        ...job,
        state: atLeast('Dispatched', job.state),
        dispatchedAt,
      }));
    }
    case 'WorkReported': {
      const { jobId, goodTotal, defectiveTotal, jobCompleted, reportedAt } = event.data;
      return withJob(document, jobId, (job) => ({
        ...job,
        state: jobCompleted ? 'Completed' : atLeast('Running', job.state),
        good: goodTotal,
        defective: defectiveTotal,
        completedAt: jobCompleted ? reportedAt : job.completedAt,
      }));
    }
    case 'OrderCompleted': {
      const { completedAt, onTime } = event.data;
      return { ...document, state: 'Completed', completedAt, onTime };
    }
    default:
      return document;
  }
}

function waitingJob({ jobId, shopfloorId, quantity }: { jobId: string; shopfloorId: string; quantity: number }): Job {
  const nothingYet = { good: 0, defective: 0, dispatchedAt: null, completedAt: null };
  return { jobId, shopfloorId, quantity, state: 'Waiting', ...nothingYet };
}

function withJob(document: OrderDocument, jobId: string, change: (job: Job) => Job): OrderDocument {
  const jobs = document.jobs.map((job) => (job.jobId === jobId ? change(job) : job));
  const furthest = jobs.reduce<JobState>((state, job) => atLeast(job.state, state), document.state);
  return {
    ...document,
    jobs,
    // Only `OrderCompleted` completes an order, even if all its jobs are.
    state: document.state === 'Completed' ? 'Completed' : furthest === 'Completed' ? 'Running' : furthest,
    good: jobs.reduce((sum, job) => sum + job.good, 0),
    defective: jobs.reduce((sum, job) => sum + job.defective, 0),
  };
}

/** The states in the order they are gone through; the others are left only by events of their own. */
const progression: readonly JobState[] = ['Waiting', 'Held', 'Dispatched', 'Running', 'Completed'];

/** The later of two states: what overtook an earlier fact is not undone by it. */
function atLeast(least: JobState, state: JobState): JobState {
  return progression.indexOf(state) < progression.indexOf(least) ? least : state;
}
