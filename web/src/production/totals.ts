import type { ProductionDayDocument } from '@stratum/contracts/job/job.ts';

/** Sums over some production days; pieces, parts and reports. */
export type ProductionTotal = Pick<
  ProductionDayDocument,
  'good' | 'defective' | 'jobsCompleted' | 'jobsOnTime' | 'reports'
>;

const nothing: ProductionTotal = { good: 0, defective: 0, jobsCompleted: 0, jobsOnTime: 0, reports: 0 };

function add(sum: ProductionTotal, day: ProductionDayDocument): ProductionTotal {
  return {
    good: sum.good + day.good,
    defective: sum.defective + day.defective,
    jobsCompleted: sum.jobsCompleted + day.jobsCompleted,
    jobsOnTime: sum.jobsOnTime + day.jobsOnTime,
    reports: sum.reports + day.reports,
  };
}

/** All of it together. */
export function totalOf(days: readonly ProductionDayDocument[]): ProductionTotal {
  return days.reduce(add, nothing);
}

/** One sum per key, in the order of the keys. */
export function sumBy(
  days: readonly ProductionDayDocument[],
  keyOf: (day: ProductionDayDocument) => string,
): Map<string, ProductionTotal> {
  const sums = new Map<string, ProductionTotal>();
  for (const day of days) sums.set(keyOf(day), add(sums.get(keyOf(day)) ?? nothing, day));
  return new Map([...sums].toSorted(([one], [other]) => one.localeCompare(other, 'en', { numeric: true })));
}

const MS_PER_DAY = 86_400_000;
/** More than a year of days is never drawn. */
const DAYS_MAX = 366;

/** Every day from one to another, both included, as `2026-11-24`; none when the first is the later one. */
export function daysBetween(from: string, to: string): string[] {
  const start = Date.parse(`${from}T00:00:00Z`);
  const count = Math.floor((Date.parse(`${to}T00:00:00Z`) - start) / MS_PER_DAY) + 1;
  return Array.from({ length: Math.min(DAYS_MAX, Math.max(0, count)) }, (_, index) =>
    new Date(start + index * MS_PER_DAY).toISOString().slice(0, 10),
  );
}
