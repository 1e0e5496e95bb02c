import type { AnalyticsView } from '@stratum/contracts/telemetry/telemetry.ts';
import type { TwinDirectoryDocument } from '@stratum/contracts/twin/twin.ts';
import { hours, quarters } from './buckets.ts';
import type { Sample } from './samples.ts';
import type { Range } from './trend.ts';

const DAY_MS = 86_400_000;
/** The range is compared with the same one this much earlier. */
export const WEEK_MS = 7 * DAY_MS;

type Summary = AnalyticsView['parameters'][number]['range'];

/** A range is read as whole quarter hours and, at its two ends, as minutes. Ends are rounded out to whole minutes. */
export type Parts = { quarters: Range; minutes: Range[] };

/** How a range is read: most of it coarse, its ends fine. */
export function partsOf({ fromMs, toMs }: Range): Parts {
  const start = Math.floor(fromMs / hours.bucketMs) * hours.bucketMs;
  const end = Math.ceil(toMs / hours.bucketMs) * hours.bucketMs;
  const firstQuarter = Math.ceil(start / quarters.bucketMs) * quarters.bucketMs;
  const lastQuarter = Math.floor(end / quarters.bucketMs) * quarters.bucketMs;
  if (firstQuarter >= lastQuarter) {
    return { quarters: { fromMs: start, toMs: start }, minutes: [{ fromMs: start, toMs: end }] };
  }
  const ends = [
    { fromMs: start, toMs: firstQuarter },
    { fromMs: lastQuarter, toMs: end },
  ];
  return {
    quarters: { fromMs: firstQuarter, toMs: lastQuarter },
    minutes: ends.filter((range) => range.fromMs < range.toMs),
  };
}

/** What was observed of each parameter of a twin in a range, beside the same range a week before. */
export function compareWeeks(
  twin: TwinDirectoryDocument,
  range: Range,
  samples: readonly Sample[],
  weekBefore: readonly Sample[],
): AnalyticsView['parameters'] {
  const samplesOf = byParameter(samples);
  const samplesBeforeOf = byParameter(weekBefore);
  return twin.parameters.map(({ key, name, unit, limits }) => {
    const now = samplesOf.get(key) ?? [];
    const then = samplesBeforeOf.get(key) ?? [];
    const [means, meansBefore] = [dailyMeans(now), dailyMeans(then)];
    const daily = daysOf(range).map((dayMs) => ({
      day: new Date(dayMs).toISOString().slice(0, 'yyyy-mm-dd'.length),
      mean: means.get(dayMs) ?? null,
      weekBeforeMean: meansBefore.get(dayMs - WEEK_MS) ?? null,
    }));
    const { low, high } = limits;
    return { key, name, unit, low, high, range: summaryOf(now), weekBefore: summaryOf(then), daily };
  });
}

/** Starts of the UTC days that a range touches. */
function daysOf({ fromMs, toMs }: Range): number[] {
  const first = Math.floor(fromMs / DAY_MS);
  const count = Math.ceil(toMs / DAY_MS) - first;
  return Array.from({ length: count }, (_, index) => (first + index) * DAY_MS);
}

const byParameter = (samples: readonly Sample[]) => Map.groupBy(samples, ({ parameter }) => parameter);

/** The mean of each UTC day with samples, by the day's start. One pass: a long range of a twin with many parameters is millions. */
function dailyMeans(samples: readonly Sample[]): Map<number, number | null> {
  const byDay = Map.groupBy(samples, ({ atMs }) => Math.floor(atMs / DAY_MS) * DAY_MS);
  return new Map([...byDay].map(([dayMs, its]) => [dayMs, summaryOf(its).mean]));
}

function summaryOf(samples: readonly Sample[]): Summary {
  let [count, sum, secondsOutside, secondsObserved] = [0, 0, 0, 0];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const sample of samples) {
    count += sample.count;
    sum += sample.sum;
    secondsOutside += sample.secondsOutside;
    secondsObserved += sample.secondsObserved;
    min = Math.min(min, sample.min);
    max = Math.max(max, sample.max);
  }
  if (count === 0) return { count, mean: null, min: null, max: null, secondsOutside, secondsObserved };
  return { count, mean: sum / count, min, max, secondsOutside, secondsObserved };
}
