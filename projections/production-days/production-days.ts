import type { ProductionDayDocument } from '@stratum/contracts/job/job.ts';
import type { Projection } from '@stratum/infra/projector/projection.ts';

/** Pieces made per UTC day, shopfloor and product, by the reports' own time. A job without a due date is never late. */
export const productionDays: Projection<ProductionDayDocument> = {
  name: 'production_days',
  version: 1,
  stream: 'PLANT',
  keys(event) {
    if (event.type !== 'WorkReported') return [];
    const { reportedAt, shopfloorId, description } = event.data;
    return [`${dayOf(reportedAt)}:${shopfloorId}:${description}`];
  },
  fold(document, event, key) {
    if (event.type !== 'WorkReported') return document;
    const { shopfloorId, description, produced, defective, jobCompleted, reportedAt, dueAt } = event.data;
    const isOnTime = dueAt === undefined || Date.parse(reportedAt) <= Date.parse(dueAt);
    return {
      _id: key,
      day: dayOf(reportedAt),
      site: event.recorded.site,
      shopfloorId,
      product: description,
      good: (document?.good ?? 0) + produced,
      defective: (document?.defective ?? 0) + defective,
      jobsCompleted: (document?.jobsCompleted ?? 0) + Number(jobCompleted),
      jobsOnTime: (document?.jobsOnTime ?? 0) + Number(jobCompleted && isOnTime),
      reports: (document?.reports ?? 0) + 1,
    };
  },
};

/** `2026-11-24` of an instant: instants are UTC and start with their day. */
function dayOf(instant: string): string {
  return instant.slice(0, 10);
}
