import { LRUCache } from 'lru-cache';
import { Problem } from './problems.ts';

/** At most this many keys are watched; the longest unused are forgotten. */
const KEYS_MAX = 20_000;

/**
 * Counts attempts that may fail. `begin` counts one before the costly check, so that a thousand at once are not all let
 * in, and throws a 429 with Retry-After when there were too many; `forgive` takes back one that succeeded.
 */
export type Attempts = { begin: (key: string) => void; forgive: (key: string) => void };

/** Allows `attemptsMax` failed attempts per key in a window of `windowSeconds` from the first of them. */
export function countAttempts(attemptsMax: number, windowSeconds: number, now: () => Date): Attempts {
  const counts = new LRUCache<string, { count: number; endsAt: number }>({ max: KEYS_MAX });
  return {
    begin(key) {
      const time = now().getTime();
      const found = counts.get(key);
      const window =
        found === undefined || found.endsAt <= time ? { count: 0, endsAt: time + windowSeconds * 1000 } : found;
      if (window.count >= attemptsMax) throw tooMany(Math.ceil((window.endsAt - time) / 1000));
      counts.set(key, { ...window, count: window.count + 1 });
    },
    forgive(key) {
      const found = counts.get(key);
      if (found !== undefined) counts.set(key, { ...found, count: Math.max(0, found.count - 1) });
    },
  };
}

/** 429 that says when to come again. */
export function tooMany(retryAfterSeconds: number): Problem {
  const detail = `Too many attempts. Try again in ${retryAfterSeconds} s.`;
  return new Problem(429, 'Too many attempts', { code: 'TooManyAttempts', detail, retryAfterSeconds });
}
