import type { Limits } from '@stratum/contracts/twin/twin.ts';

/** Where the marks of every bar stand, percent of its width: the normal range is always the same middle 40 %. */
export const LOW_PERCENT = 30;
export const HIGH_PERCENT = 70;
export const TRIP_LOW_PERCENT = 14;
export const TRIP_HIGH_PERCENT = 86;
const EDGE_PERCENT = 1.5;
/** Beyond a trip limit, this much of the way from limit to trip limit again reaches the end of the bar. */
const BEYOND_TRIP_SHARE = 0.75;

/**
 * Where a value stands on its bar, percent, 1.5 to 98.5. Inside the normal range linear over the band; between a limit and its trip
 * limit linear up to the trip mark; without trip limits at the band's own scale.
 */
export function percentOf(limits: Limits, value: number): number {
  const { low, high } = limits;
  const bandPerUnit = (HIGH_PERCENT - LOW_PERCENT) / (high - low);
  if (value >= low && value <= high) return LOW_PERCENT + (value - low) * bandPerUnit;
  const isHigh = value > high;
  const limit = isHigh ? high : low;
  const trip = isHigh ? limits.tripHigh : limits.tripLow;
  const beyond = Math.abs(value - limit);
  const distance = trip === undefined ? beyond * bandPerUnit : tripDistance(beyond, Math.abs(trip - limit));
  return clamp(isHigh ? HIGH_PERCENT + distance : LOW_PERCENT - distance);
}

function tripDistance(beyond: number, reach: number): number {
  const toTrip = TRIP_HIGH_PERCENT - HIGH_PERCENT;
  if (beyond <= reach) return (beyond / reach) * toTrip;
  const toEnd = 100 - TRIP_HIGH_PERCENT;
  return toTrip + ((beyond - reach) / (reach * BEYOND_TRIP_SHARE)) * toEnd;
}

function clamp(percent: number): number {
  return Math.min(100 - EDGE_PERCENT, Math.max(EDGE_PERCENT, percent));
}
