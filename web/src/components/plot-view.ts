import type { Limits } from '@stratum/contracts/twin/twin.ts';
import type { Severity } from '../severity.ts';

/** A stretch of time in which an alarm was active, epoch seconds; `to` null: still. */
export type AlarmInterval = { from: number; to: number | null; severity: Severity };

/** What a plot draws. Arrays are as long as `times`; null is a gap and stays one. Times are epoch seconds, rising. */
export type PlotView = {
  times: readonly number[];
  values: readonly (number | null)[];
  min: readonly (number | null)[] | undefined;
  max: readonly (number | null)[] | undefined;
  compare: readonly (number | null)[] | undefined;
  limits: Pick<Limits, 'low' | 'high' | 'tripLow' | 'tripHigh'> | undefined;
  severity: Severity;
  unit: string;
  from: number | undefined;
  to: number | undefined;
  alarms: readonly AlarmInterval[];
};

/** The value of a design token, for what is drawn on a canvas: `token('--d1')`. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
