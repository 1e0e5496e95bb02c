import type { Parameter } from '@stratum/contracts/twin/twin.ts';

/** Number formatters are slow to make, so one is kept per count of decimals. */
const numberFormats = new Map<number, Intl.NumberFormat>();

/** A number with thousands separators and a fixed count of decimals: `10,009` or `7.47`. */
export function numberText(value: number, decimals = 0): string {
  let format = numberFormats.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    numberFormats.set(decimals, format);
  }
  return format.format(value).replace('-', '−');
}

/** How many decimals make one step of a parameter visible: the wider its normal range, the fewer. */
export function decimalsOf(parameter: Parameter): number {
  if (isSwitch(parameter)) return 0;
  const span = parameter.limits.high - parameter.limits.low;
  if (span >= 200) return 0;
  return span >= 4 ? 1 : 2;
}

/** A value as people read it, without its unit. A parameter that is on or off reads `Running` or `Stopped`. */
export function valueText(parameter: Parameter, value: number): string {
  if (isSwitch(parameter) && (value === 0 || value === 1)) return value === 1 ? 'Running' : 'Stopped';
  return numberText(value, decimalsOf(parameter));
}

/** The unit to print beside `valueText`; empty where the value already is a word. */
export function unitText(parameter: Parameter): string {
  return isSwitch(parameter) ? '' : parameter.unit;
}

/** The normal range: `normal 10–60`, with as many decimals as its ends need, at most one. */
export function normalText(parameter: Parameter): string {
  const { low, high } = parameter.limits;
  const decimals = Number.isInteger(low) && Number.isInteger(high) ? 0 : Math.min(1, decimalsOf(parameter));
  return `normal ${numberText(low, decimals)}–${numberText(high, decimals)}`;
}

/** Whether a parameter is a state of 0 or 1 rather than a measurement. */
export function isSwitch(parameter: Parameter): boolean {
  return parameter.key === 'status' && parameter.limits.low === 0 && parameter.limits.high === 1;
}

/** A share of 1 as a whole percentage: `0.784` is `78 %`. */
export function percentText(share: number, decimals = 0): string {
  return `${numberText(share * 100, decimals)} %`;
}

const SECONDS_PER_MINUTE = 60;
const SECONDS_PER_HOUR = 3600;
const SECONDS_PER_DAY = 86_400;

/** A duration in its two largest units: `12 s`, `4 m 12 s`, `6 h 57 m`, `3 d 4 h`. Negative counts as zero. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < SECONDS_PER_MINUTE) return `${seconds} s`;
  if (seconds < SECONDS_PER_HOUR) {
    return `${Math.floor(seconds / SECONDS_PER_MINUTE)} m ${seconds % SECONDS_PER_MINUTE} s`;
  }
  if (seconds < SECONDS_PER_DAY) {
    const minutes = Math.floor((seconds % SECONDS_PER_HOUR) / SECONDS_PER_MINUTE);
    return `${Math.floor(seconds / SECONDS_PER_HOUR)} h ${minutes} m`;
  }
  const hours = Math.floor((seconds % SECONDS_PER_DAY) / SECONDS_PER_HOUR);
  return `${Math.floor(seconds / SECONDS_PER_DAY)} d ${hours} h`;
}

const clockFormat = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'UTC',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const dayFormat = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });
const dayYearFormat = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'UTC',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
});

/** Time of day in UTC: `14:32:10`. Takes epoch milliseconds or an ISO instant. */
export function clockText(instant: number | string): string {
  return clockFormat.format(new Date(instant));
}

/** Day in UTC: `24 Nov`. */
export function dayText(instant: number | string): string {
  return dayFormat.format(new Date(instant));
}

/** Day in UTC with its year: `24 Nov 2026`. */
export function dateText(instant: number | string): string {
  return dayYearFormat.format(new Date(instant));
}

/** Day and time of day in UTC: `24 Nov 14:32:10`. */
export function instantText(instant: number | string): string {
  return `${dayText(instant)} ${clockText(instant)}`;
}
