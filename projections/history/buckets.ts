import type { Instant } from '@stratum/contracts/envelope.ts';
import type { HistoryDayDocument, HistoryHourDocument } from '@stratum/contracts/telemetry/telemetry.ts';

/** A document of either history: buckets of equal length, from `from` on, per parameter. */
export type HistoryDocument = HistoryHourDocument | HistoryDayDocument;

/** How a history is cut: one document per twin and span, `bucketCount` buckets of `bucketMs` in each. Spans begin at UTC borders. */
export type Grain = {
  /** The read model with these documents. */
  collection: 'history_hours' | 'history_days';
  bucketMs: number;
  bucketCount: number;
  spanMs: number;
  /** Characters of the ISO instant that name a span: `2026-11-24T20` or `2026-11-24`. */
  nameLength: number;
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** One document per hour, one bucket per minute. */
export const hours: Grain = {
  collection: 'history_hours',
  bucketMs: MINUTE_MS,
  bucketCount: 60,
  spanMs: HOUR_MS,
  nameLength: 'yyyy-mm-ddThh'.length,
};

/** One document per UTC day, one bucket per quarter hour. */
export const quarters: Grain = {
  collection: 'history_days',
  bucketMs: 15 * MINUTE_MS,
  bucketCount: 96,
  spanMs: 24 * HOUR_MS,
  nameLength: 'yyyy-mm-dd'.length,
};

/** `<twinId>:2026-11-24T20`: the document in which something observed at a UTC instant is found. Sorts by time within a twin. */
export function historyKey(grain: Grain, twinId: string, observedAt: Instant): string {
  return `${twinId}:${observedAt.slice(0, grain.nameLength)}`;
}

/** When the span that holds an instant begins, epoch milliseconds. */
export function startOfSpan(grain: Grain, observedMs: number): number {
  return Math.floor(observedMs / grain.spanMs) * grain.spanMs;
}

/** When the span begins that a document's key names, epoch milliseconds. */
export function startOfKey(grain: Grain, key: string): number {
  const name = key.slice(-grain.nameLength);
  return Date.parse(`${name}${'yyyy-mm-ddT00:00:00Z'.slice(grain.nameLength)}`);
}
