import type { TrendView } from '@stratum/contracts/telemetry/telemetry.ts';
import { type Grain, hours, quarters } from './buckets.ts';
import type { Sample } from './samples.ts';

/** A range of time, epoch milliseconds, the end not included. */
export type Range = { fromMs: number; toMs: number };

/** Up to this range a chart shows the readings themselves. */
export const RAW_MS_MAX = 2 * 3_600_000;
/** Up to this range minutes are read, beyond it quarter hours. */
const MINUTES_MS_MAX = 48 * 3_600_000;
/** After a silence of so many periods a line is broken. */
const SILENT_PERIODS = 3;
/** Steps people read charts in, seconds. Each from a minute on is whole minutes, each from a quarter on whole quarters. */
const steps = [
  1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800,
  604_800,
];

/** Which documents are fine enough for a range and not more than it needs. */
export function grainFor({ fromMs, toMs }: Range): Grain {
  return toMs - fromMs <= MINUTES_MS_MAX ? hours : quarters;
}

/** The smallest step, seconds, of at least `secondsMin` that cuts a range into at most `px` buckets. */
export function stepFor({ fromMs, toMs }: Range, px: number, secondsMin: number): number {
  const fits = (step: number) => Math.ceil(toMs / 1000 / step) - Math.floor(fromMs / 1000 / step) <= px;
  return steps.find((step) => step >= secondsMin && fits(step)) ?? Math.ceil((toMs - fromMs) / 1000);
}

type Series = Pick<TrendView, 'resolutionSeconds' | 't' | 'parameters'>;
type Lines = Series['parameters'][string];

/** Min, max and mean per step over a range; buckets are whole multiples of the step, null where nothing was observed. */
export function bucketed(samples: readonly Sample[], { fromMs, toMs }: Range, stepSeconds: number): Series {
  const first = Math.floor(fromMs / 1000 / stepSeconds);
  const count = Math.ceil(toMs / 1000 / stepSeconds) - first;
  const t = Array.from({ length: count }, (_, index) => (first + index) * stepSeconds);
  const indexOf = (atMs: number) => Math.floor(atMs / 1000 / stepSeconds) - first;
  return { resolutionSeconds: stepSeconds, t, parameters: linesOf(samples, count, indexOf) };
}

/**
 * The readings themselves, a bucket each, where they are no more than `px`; otherwise as `bucketed`. A silence of more
 * than three periods holds one empty bucket, so that no line is drawn across it.
 */
export function fromReadings(samples: readonly Sample[], range: Range, px: number, periodSeconds: number): Series {
  const times = timesOf(samples, periodSeconds * 1000);
  if (times.length > px) return bucketed(samples, range, stepFor(range, px, 1));
  const indexes = new Map(times.map((atMs, index) => [atMs, index]));
  const parameters = linesOf(samples, times.length, (atMs) => indexes.get(atMs) ?? -1);
  return { resolutionSeconds: periodSeconds, t: times.map((atMs) => atMs / 1000), parameters };
}

function linesOf(samples: readonly Sample[], count: number, indexOf: (atMs: number) => number): Series['parameters'] {
  const lines: Series['parameters'] = {};
  for (const [parameter, its] of Map.groupBy(samples, (sample) => sample.parameter)) {
    lines[parameter] = lineOf(its, count, indexOf);
  }
  return lines;
}

function lineOf(samples: readonly Sample[], count: number, indexOf: (atMs: number) => number): Lines {
  const empty = () => new Array<number | null>(count).fill(null);
  const [min, max, mean] = [empty(), empty(), empty()];
  const counts = new Array<number>(count).fill(0);
  for (const sample of samples) {
    const index = indexOf(sample.atMs);
    const before = counts[index];
    if (before === undefined) continue;
    const after = before + sample.count;
    min[index] = Math.min(min[index] ?? sample.min, sample.min);
    max[index] = Math.max(max[index] ?? sample.max, sample.max);
    mean[index] = ((mean[index] ?? 0) * before + sample.sum) / after;
    counts[index] = after;
  }
  return { min, max, mean };
}

/** Every instant at which something was observed, in order, and one in each silence. */
function timesOf(samples: readonly Sample[], periodMs: number): number[] {
  const observed = [...new Set(samples.map((sample) => sample.atMs))].sort((one, other) => one - other);
  return observed.flatMap((atMs, index) => {
    const before = observed[index - 1];
    const isSilence = before !== undefined && atMs - before > SILENT_PERIODS * periodMs;
    return isSilence ? [before + periodMs, atMs] : [atMs];
  });
}
