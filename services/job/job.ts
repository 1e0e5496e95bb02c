import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command, Instant } from '@stratum/contracts/envelope.ts';
import type { Instruction, JobEvent, Report } from '@stratum/contracts/job/job.ts';

type JobKey = { jobId: string; orderId: string; shopfloorId: string };

export type ReleaseJob = Command<'ReleaseJob', JobKey & { instruction: Instruction; dueAt?: Instant | undefined }>;
/** The broker acknowledged the instruction on this topic. */
export type DispatchJob = Command<'DispatchJob', JobKey & { topic: string }>;
/** `produced` (good) and `defective` are pieces since the last report; `reportId` is `reportIdOf` it. */
export type ReportWork = Command<
  'ReportWork',
  JobKey & { reportId: string; produced: number; defective: number; reportedAt: Instant }
>;
export type JobCommand = ReleaseJob | DispatchJob | ReportWork;

/** A job hears at most this many different reports: one every ten seconds for eleven days. */
export const REPORTS_PER_JOB_MAX = 100_000;
/** Names of reports are kept in sets of this size, so that a new state copies one of them and not all. */
const NAMES_PER_SET = 256;

export type JobState =
  | { status: 'None' }
  | {
      status: 'Open' | 'Completed';
      isDispatched: boolean;
      description: string;
      quantity: number;
      dueAt: Instant | undefined;
      good: number;
      defective: number;
      reportCount: number;
      reportIds: readonly ReadonlySet<string>[];
    };

/** The rules of one job: the part of an order that one shopfloor makes. Completed once good and defective pieces reach its quantity. */
export const job: Decider<JobState, JobCommand, JobEvent> = {
  entity: 'job',
  initial: { status: 'None' },
  decide,
  evolve,
};

/**
 * Names a report by what it says: the same report told twice, over MQTT or by hand, has the same name. Within one job;
 * `2025-10-01T10:30:00Z` and `2025-10-01T10:30:00.000Z` are the same instant.
 */
export function reportIdOf({
  timestamp,
  produced,
  defective,
}: Pick<Report, 'timestamp' | 'produced' | 'defective'>): string {
  return `${new Date(timestamp).toISOString()}_${produced}_${defective}`;
}

function decide(state: JobState, command: JobCommand): JobEvent[] {
  switch (command.type) {
    case 'ReleaseJob':
      return release(state, command);
    case 'DispatchJob':
      return dispatch(state, command);
    case 'ReportWork':
      return report(state, command);
  }
}

function release(state: JobState, { data: { dueAt, ...rest } }: ReleaseJob): JobEvent[] {
  if (state.status !== 'None') return [];
  return [{ type: 'JobReleased', data: { ...rest, ...(dueAt === undefined ? {} : { dueAt }) } }];
}

/** A floor may report before the broker's acknowledgement is recorded; the instruction was dispatched all the same. */
function dispatch(state: JobState, { data }: DispatchJob): JobEvent[] {
  if (state.status === 'None') throw unknownJob(data);
  return state.isDispatched ? [] : [{ type: 'JobDispatched', data }];
}

function report(state: JobState, { data }: ReportWork): JobEvent[] {
  if (state.status === 'None') throw unknownJob(data);
  if (state.reportIds.some((names) => names.has(data.reportId))) return [];
  if (state.status === 'Completed') {
    const made = `${state.good + state.defective} of ${state.quantity} pieces`;
    throw new Rejected('JobCompleted', `${data.orderId} is completed on ${data.shopfloorId}: ${made} were reported.`);
  }
  if (state.reportCount >= REPORTS_PER_JOB_MAX) {
    throw new Rejected('TooManyReports', `A job takes at most ${REPORTS_PER_JOB_MAX} reports.`);
  }
  const goodTotal = state.good + data.produced;
  const defectiveTotal = state.defective + data.defective;
  const { description, quantity, dueAt } = state;
  const jobCompleted = goodTotal + defectiveTotal >= quantity;
  const facts = { ...data, description, quantity, goodTotal, defectiveTotal, jobCompleted };
  return [{ type: 'WorkReported', data: { ...facts, ...(dueAt === undefined ? {} : { dueAt }) } }];
}

function evolve(state: JobState, event: JobEvent): JobState {
  switch (event.type) {
    case 'JobReleased': {
      const { description, quantity } = event.data.instruction;
      const { dueAt } = event.data;
      const nothingMade = { good: 0, defective: 0, reportCount: 0, reportIds: [] };
      return { status: 'Open', isDispatched: false, description, quantity, dueAt, ...nothingMade };
    }
    case 'JobDispatched':
      return state.status === 'None' ? state : { ...state, isDispatched: true };
    case 'WorkReported': {
      if (state.status === 'None') return state;
      const { goodTotal, defectiveTotal, jobCompleted, reportId } = event.data;
      const status = jobCompleted ? 'Completed' : state.status;
      const reports = { reportCount: state.reportCount + 1, reportIds: withName(state.reportIds, reportId) };
      return { ...state, status, good: goodTotal, defective: defectiveTotal, ...reports };
    }
  }
}

function withName(sets: readonly ReadonlySet<string>[], name: string): readonly ReadonlySet<string>[] {
  const last = sets.at(-1);
  if (last === undefined || last.size >= NAMES_PER_SET) return [...sets, new Set([name])];
  return sets.with(-1, new Set(last).add(name));
}

function unknownJob({ orderId, shopfloorId }: JobKey): Rejected {
  return new Rejected('UnknownOrder', `${shopfloorId} has no order ${orderId}.`, 'orderId');
}
