import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from './log.ts';

const WAIT_MS_FIRST = 250;
const WAIT_MS_MAX = 5_000;

/**
 * Tries until it works: for what a program needs from its surroundings before it can begin. Waits a quarter of a second
 * at first, at most 5 s. Throws only when the signal aborts.
 */
export async function persist<Result>(
  what: string,
  attempt: () => Promise<Result>,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<Result> {
  for (let waitMs = WAIT_MS_FIRST; ; waitMs = Math.min(WAIT_MS_MAX, waitMs * 2)) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ what, waitMs, error: error instanceof Error ? error.message : String(error) }, `${what}: not yet`);
      await sleep(waitMs, undefined, { signal });
    }
  }
}

/** What a promise gives, or an error when it takes longer than `msMax`. The promise itself goes on. */
export async function within<Result>(msMax: number, what: string, promise: Promise<Result>): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took longer than ${msMax} ms`)), msMax);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
