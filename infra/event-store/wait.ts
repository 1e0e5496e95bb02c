import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from './errors.ts';

const BACKOFF_MS_FIRST = 50;
const BACKOFF_MS_MAX = 1_000;
/** How long a caller is kept waiting for a server that is away; a restart takes some two seconds. */
export const PATIENCE_MS = 15_000;

/** Waits, unless the signal says to stop; then it returns at once. */
export async function waitMs(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** How long to wait before attempt n + 1, n from 1: 50 ms, doubled each time, at most `max` (1 s). */
export function backoffMs(attempt: number, max = BACKOFF_MS_MAX): number {
  return Math.min(max, BACKOFF_MS_FIRST * 2 ** (attempt - 1));
}

export type RetryOptions = {
  /** After this long the next failure is final; 15 s if left out. */
  patienceMs?: number;
  /** What may go away by itself; `Unavailable` if left out. */
  isWorthATry?: (error: unknown) => boolean;
};

/** Tries until it works or patience ends; the task is told which attempt this is, from 1. @throws what the last try threw */
export async function retrying<Result>(
  task: (attempt: number) => Promise<Result>,
  { patienceMs = PATIENCE_MS, isWorthATry = (error) => error instanceof Unavailable }: RetryOptions = {},
): Promise<Result> {
  const startedMs = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await task(attempt);
    } catch (error) {
      if (!isWorthATry(error) || performance.now() - startedMs > patienceMs) throw error;
    }
    await waitMs(backoffMs(attempt));
  }
}

/** Does something again and again until the signal, one at a time; what it throws is told, and it is tried again. */
export async function everyMs(
  milliseconds: number,
  task: () => Promise<void>,
  signal: AbortSignal,
  onTrouble: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    await waitMs(milliseconds, signal);
    if (!signal.aborted) await task().catch(onTrouble);
  }
}
