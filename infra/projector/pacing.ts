/** A write that took longer than this is followed by a rest. */
const LONG_WRITE_MS = 200;
/** How many times as long as the write the rest is. */
const REST_PER_WRITE = 9;
const REST_MS_MAX = 30_000;

/**
 * How long the documents of a fleet rest after a write, milliseconds, so that writing takes at most a tenth of the time and the
 * machine is left to the readings: 10,000 documents that change every second take seconds to write. 0 after a short write.
 */
export function restAfterWriteMs(tookMs: number): number {
  return tookMs <= LONG_WRITE_MS ? 0 : Math.min(REST_MS_MAX, tookMs * REST_PER_WRITE);
}
