import type { ReportDocument } from '@stratum/contracts/job/job.ts';
import type { Projection } from '@stratum/infra/projector/projection.ts';

/** Digits of a sequence up to 2^53, so that documents sort by it as text. */
const SEQUENCE_DIGITS = 16;

/** Every report of every shopfloor, never changed once written. */
export const reports: Projection<ReportDocument> = {
  name: 'reports',
  version: 1,
  stream: 'PLANT',
  // The last one is for browsers that come back and are sent what has changed since.
  indexes: [['orderId', '_id'], ['shopfloorId', '_id'], ['_position']],
  bornBy: (sequence) => ({ field: '_id', atMost: reportKeyOf(sequence) }),
  keys: (event) => (event.type === 'WorkReported' ? [reportKeyOf(event.recorded.sequence)] : []),
  fold(document, event, key) {
    if (event.type !== 'WorkReported') return document;
    const { reportId, orderId, jobId, shopfloorId, description } = event.data;
    const { produced, defective, reportedAt, jobCompleted } = event.data;
    return {
      _id: key,
      reportId,
      orderId,
      jobId,
      shopfloorId,
      description,
      produced,
      defective,
      reportedAt,
      recordedAt: event.recorded.recordedAt,
      by: event.envelope.actor,
      jobCompleted,
    };
  },
};

/** The `_id` of a report: the sequence of its event, padded so that text order is log order. */
export function reportKeyOf(sequence: number): string {
  return String(sequence).padStart(SEQUENCE_DIGITS, '0');
}
