import { setTimeout as sleep } from 'node:timers/promises';

const BACKOFF_MS_FIRST = 50;
const BACKOFF_MS_MAX = 1_000;

/** Waits, unless the signal says to stop; then it returns at once. */
export async function waitMs(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** How long to wait before attempt n + 1, n from 1: 50 ms, doubled each time, at most `max` (1 s). */
export function backoffMs(attempt: number, max = BACKOFF_MS_MAX): number {
  return Math.min(max, BACKOFF_MS_FIRST * 2 ** (attempt - 1));
}
