import type { PlantEvent } from '@stratum/contracts/recorded.ts';

type OfType<Type extends PlantEvent['type']> = Extract<PlantEvent, { type: Type }>;

/**
 * What must hold in every PLANT log, whoever wrote to it: an event once, an order placed and split once with parts that add
 * up, a job released and dispatched once, totals that are the sum of the reports, a completed order with these totals, and
 * alerts that are raised and cleared in turn. Answers what does not hold, as sentences.
 */
export function brokenRules(events: readonly PlantEvent[]): string[] {
  return [...repeatedEvents(events), ...brokenOrders(events), ...brokenJobs(events), ...brokenAlerts(events)];
}

function repeatedEvents(events: readonly PlantEvent[]): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  for (const { envelope, type, recorded } of events) {
    if (seen.has(envelope.id)) found.push(`${recorded.position}: ${type} ${envelope.id} is there a second time`);
    seen.add(envelope.id);
  }
  return found;
}

function brokenOrders(events: readonly PlantEvent[]): string[] {
  const placed = groupedBy(events, 'OrderPlaced', ({ data }) => data.orderId);
  const distributed = groupedBy(events, 'OrderDistributed', ({ data }) => data.orderId);
  const completed = groupedBy(events, 'OrderCompleted', ({ data }) => data.orderId);
  const reports = groupedBy(events, 'WorkReported', ({ data }) => data.orderId);
  const found: string[] = [];
  for (const [orderId, [first, ...more]] of placed) {
    if (first === undefined) continue;
    const splits = distributed.get(orderId) ?? [];
    const ends = completed.get(orderId) ?? [];
    if (more.length > 0) found.push(`${orderId} was placed ${more.length + 1} times`);
    if (splits.length > 1) found.push(`${orderId} was distributed ${splits.length} times`);
    if (ends.length > 1) found.push(`${orderId} was completed ${ends.length} times`);
    const jobs = splits[0]?.data.jobs ?? [];
    const parts = sum(jobs.map(({ quantity }) => quantity));
    const { quantity } = first.data;
    if (splits.length > 0 && parts !== quantity) {
      found.push(`the parts of ${orderId} add up to ${parts}, not to ${quantity}`);
    }
    const made = reports.get(orderId) ?? [];
    const isMade = jobs.length > 0 && jobs.every(({ jobId }) => made.some((one) => isLastOf(one, jobId)));
    const [end] = ends;
    if (isMade !== (end !== undefined)) {
      found.push(isMade ? `${orderId} is made but not completed` : `${orderId} is completed but not made`);
    }
    const good = sum(made.map(({ data }) => data.produced));
    const defective = sum(made.map(({ data }) => data.defective));
    if (end !== undefined && (end.data.good !== good || end.data.defective !== defective)) {
      const totals = `${end.data.good} good and ${end.data.defective} defective`;
      found.push(`${orderId} was completed with ${totals}, but ${good} and ${defective} were reported`);
    }
  }
  return found;
}

function isLastOf({ data }: OfType<'WorkReported'>, jobId: string): boolean {
  return data.jobId === jobId && data.jobCompleted;
}

function brokenJobs(events: readonly PlantEvent[]): string[] {
  const released = groupedBy(events, 'JobReleased', ({ data }) => data.jobId);
  const dispatched = groupedBy(events, 'JobDispatched', ({ data }) => data.jobId);
  const reports = groupedBy(events, 'WorkReported', ({ data }) => data.jobId);
  const found: string[] = [];
  for (const { data } of events.filter((event) => event.type === 'OrderDistributed')) {
    for (const { jobId } of data.jobs) {
      const times = { released: released.get(jobId)?.length ?? 0, dispatched: dispatched.get(jobId)?.length ?? 0 };
      if (times.released !== 1) found.push(`${jobId} was released ${times.released} times`);
      if (times.dispatched !== 1) found.push(`${jobId} was dispatched ${times.dispatched} times`);
    }
  }
  for (const [jobId, ofJob] of reports) {
    let [good, defective] = [0, 0];
    for (const { data, recorded } of ofJob) {
      good += data.produced;
      defective += data.defective;
      if (data.goodTotal !== good || data.defectiveTotal !== defective) {
        found.push(`${recorded.position}: totals of ${jobId} are ${data.goodTotal}, ${data.defectiveTotal}`);
      }
    }
    const names = new Set(ofJob.map(({ data }) => data.reportId));
    if (names.size < ofJob.length) found.push(`${jobId} holds a report twice`);
  }
  return found;
}

function brokenAlerts(events: readonly PlantEvent[]): string[] {
  const active = new Set<string>();
  const occurrences = new Set<string>();
  const found: string[] = [];
  for (const { type, data, recorded } of events) {
    if (type === 'AlertRaised') {
      if (active.has(data.alertId)) found.push(`${recorded.position}: ${data.alertId} is raised while it is active`);
      if (occurrences.has(data.occurrenceId)) found.push(`${recorded.position}: ${data.occurrenceId} is raised again`);
      occurrences.add(data.occurrenceId);
      active.add(data.alertId);
    }
    if (type === 'AlertCleared' && !active.delete(data.alertId)) {
      found.push(`${recorded.position}: ${data.alertId} is cleared while it is not active`);
    }
  }
  return found;
}

function groupedBy<Type extends PlantEvent['type']>(
  events: readonly PlantEvent[],
  type: Type,
  keyOf: (event: OfType<Type>) => string,
): Map<string, OfType<Type>[]> {
  const ofType = events.filter((event): event is OfType<Type> => event.type === type);
  return Map.groupBy(ofType, keyOf);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
