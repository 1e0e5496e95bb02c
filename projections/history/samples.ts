import type { Reading } from '@stratum/contracts/telemetry/telemetry.ts';
import type { Grain, HistoryDocument } from './buckets.ts';

/** What is known of one parameter in one bucket (or one reading: a bucket of one), beginning at `atMs`. */
export type Sample = {
  atMs: number;
  parameter: string;
  count: number;
  min: number;
  max: number;
  sum: number;
  secondsObserved: number;
  secondsOutside: number;
};

/** The buckets of history documents that begin in `fromMs` ≤ t < `toMs`; empty ones are left out. */
export function samplesOfDocuments(
  grain: Grain,
  documents: readonly HistoryDocument[],
  fromMs: number,
  toMs: number,
): Sample[] {
  const samples: Sample[] = [];
  for (const document of documents) {
    const startMs = Date.parse(document.from);
    for (const [parameter, buckets] of Object.entries(document.parameters)) {
      buckets.forEach((aggregate, index) => {
        const atMs = startMs + index * grain.bucketMs;
        if (aggregate !== null && atMs >= fromMs && atMs < toMs) samples.push({ atMs, parameter, ...aggregate });
      });
    }
  }
  return samples;
}

/** Readings observed in `fromMs` ≤ t < `toMs`, one sample per value. */
export function samplesOfReadings(readings: readonly Reading[], fromMs: number, toMs: number): Sample[] {
  const samples: Sample[] = [];
  for (const { observedAt, values } of readings) {
    const atMs = Date.parse(observedAt);
    if (atMs < fromMs || atMs >= toMs) continue;
    for (const [parameter, value] of Object.entries(values)) {
      const single = { count: 1, min: value, max: value, sum: value, secondsObserved: 0, secondsOutside: 0 };
      samples.push({ atMs, parameter, ...single });
    }
  }
  return samples;
}
