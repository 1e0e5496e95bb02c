import type {
  HistoryDayDocument,
  HistoryHourDocument,
  ParameterAggregate,
  Reading,
} from '@stratum/contracts/telemetry/telemetry.ts';
import type { Folded, ProjectedEvent, Projection } from '@stratum/infra/projector/projection.ts';
import { type Grain, type HistoryDocument, historyKey, hours, quarters, startOfKey, startOfSpan } from './buckets.ts';

/**
 * The time from one reading to the next counts as observed, but of a longer silence only this much does: nobody knows
 * how the asset did afterwards.
 */
export const OBSERVED_SECONDS_MAX = 60;

/** No reading is believed that is five minutes ahead of its record; as much again for clocks that differ. */
const AHEAD_MS_MAX = 600_000;
/** For questions about the past a document is kept as it was at the end of each quarter of a day: hours hardly ever, days thrice. */
const KEPT_EVERY_MS = 6 * 3_600_000;

/** Read model `history_hours`: one document per twin and hour, an aggregate per minute and parameter. */
export const historyHours: Projection<HistoryHourDocument> = historyOf('history_hours', hours);

/** Read model `history_days`: one document per twin and UTC day, an aggregate per quarter hour and parameter. */
export const historyDays: Projection<HistoryDayDocument> = historyOf('history_days', quarters);

function historyOf(name: string, grain: Grain): Projection<HistoryDocument> {
  return {
    name,
    version: 1,
    stream: 'TELEMETRY',
    writeEverySeconds: 10,
    announce: 'never',
    past: {
      subject: (key) => key.slice(0, key.indexOf(':')),
      since: (key) => new Date(startOfKey(grain, key) - AHEAD_MS_MAX).toISOString(),
      period: ({ lastObservedAt }) => Math.floor(Date.parse(lastObservedAt) / KEPT_EVERY_MS),
    },
    keys: (event) => keys(grain, event),
    fold: (document, event, key) => fold(grain, document, event, key),
  };
}

/**
 * A reading belongs to the span in which it was observed. Early in a span it also ends the time that the last reading
 * of the span before stands for, so it touches that document too.
 */
function keys(grain: Grain, event: ProjectedEvent): string[] {
  if (event.type !== 'ReadingRecorded') return [];
  const { observedAt } = event.data;
  const twinId = event.envelope.subject;
  const own = historyKey(grain, twinId, observedAt);
  const observedMs = Date.parse(observedAt);
  const startMs = startOfSpan(grain, observedMs);
  if (observedMs - startMs >= OBSERVED_SECONDS_MAX * 1000) return [own];
  return [own, historyKey(grain, twinId, new Date(startMs - 1).toISOString())];
}

function fold(
  grain: Grain,
  document: HistoryDocument | undefined,
  event: ProjectedEvent,
  key: string,
): Folded<HistoryDocument> | undefined {
  if (event.type !== 'ReadingRecorded') return document;
  const { observedAt } = event.data;
  const observedMs = Date.parse(observedAt);
  const isOwn = key === historyKey(grain, event.envelope.subject, observedAt);
  if (isOwn) return withReading(grain, document ?? empty(grain, event, key), event.data, observedMs);
  if (document === undefined || Date.parse(document.lastObservedAt) >= observedMs) return document;
  return withTime(grain, document, event.data, observedMs);
}

function empty(
  grain: Grain,
  event: ProjectedEvent & { type: 'ReadingRecorded' },
  key: string,
): Folded<HistoryDocument> {
  const { observedAt } = event.data;
  const from = new Date(startOfSpan(grain, Date.parse(observedAt))).toISOString();
  const { site } = event.recorded;
  return {
    _id: key,
    twinId: event.envelope.subject,
    site,
    from,
    parameters: {},
    lastObservedAt: observedAt,
    lastOutside: {},
  };
}

/** A late reading counts in its bucket, but the time around it is already accounted for. */
function withReading(
  grain: Grain,
  document: Folded<HistoryDocument>,
  reading: Reading,
  observedMs: number,
): Folded<HistoryDocument> {
  const isLate = observedMs < Date.parse(document.lastObservedAt);
  const timed = isLate ? document : withTime(grain, document, reading, observedMs);
  const bucket = Math.floor((observedMs - Date.parse(document.from)) / grain.bucketMs);
  const parameters = { ...timed.parameters };
  for (const [parameter, value] of Object.entries(reading.values)) {
    const buckets = parameters[parameter] ?? new Array<ParameterAggregate | null>(grain.bucketCount).fill(null);
    parameters[parameter] = buckets.with(bucket, withValue(buckets[bucket] ?? null, value, isLate));
  }
  return { ...timed, parameters };
}

function withValue(aggregate: ParameterAggregate | null, value: number, isLate: boolean): ParameterAggregate {
  if (aggregate === null) {
    return { count: 1, min: value, max: value, sum: value, last: value, secondsObserved: 0, secondsOutside: 0 };
  }
  return {
    ...aggregate,
    count: aggregate.count + 1,
    min: Math.min(aggregate.min, value),
    max: Math.max(aggregate.max, value),
    sum: aggregate.sum + value,
    last: isLate ? aggregate.last : value,
  };
}

/** Credits the time since the newest reading to that reading's bucket, if it lies in this document, and moves on to this one. */
function withTime(
  grain: Grain,
  document: Folded<HistoryDocument>,
  reading: Reading,
  observedMs: number,
): Folded<HistoryDocument> {
  const lastMs = Date.parse(document.lastObservedAt);
  const bucket = Math.floor((lastMs - Date.parse(document.from)) / grain.bucketMs);
  const seconds = Math.min((observedMs - lastMs) / 1000, OBSERVED_SECONDS_MAX);
  const isCredited = seconds > 0 && bucket < grain.bucketCount;
  return {
    ...document,
    parameters: isCredited ? withSeconds(document, bucket, seconds) : document.parameters,
    lastObservedAt: reading.observedAt,
    lastOutside: outsideAfter(document.lastOutside, reading),
  };
}

function withSeconds(
  document: Folded<HistoryDocument>,
  bucket: number,
  seconds: number,
): HistoryDocument['parameters'] {
  const parameters: HistoryDocument['parameters'] = {};
  for (const [parameter, buckets] of Object.entries(document.parameters)) {
    const aggregate = buckets[bucket] ?? null;
    parameters[parameter] =
      aggregate === null
        ? buckets
        : buckets.with(bucket, {
            ...aggregate,
            secondsObserved: aggregate.secondsObserved + seconds,
            secondsOutside: aggregate.secondsOutside + (parameter in document.lastOutside ? seconds : 0),
          });
  }
  return parameters;
}

/** A reading may hold some of the parameters only; the others stay as they were. */
function outsideAfter(before: HistoryDocument['lastOutside'], reading: Reading): HistoryDocument['lastOutside'] {
  const kept = Object.entries(before).filter(([parameter]) => !(parameter in reading.values));
  return { ...Object.fromEntries(kept), ...reading.outside };
}
