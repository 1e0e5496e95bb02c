import { setTimeout as wait } from 'node:timers/promises';

const MS_MAX = 10_000;
const POLL_MS = 20;

export interface WaitOptions {
  /** What is waited for, for the message: "the order to be completed". */
  what: string;
  /** Gives up after this long; 10 seconds if left out. */
  msMax?: number;
  /** Pause between two looks; 20 ms if left out. */
  pollMs?: number;
}

/**
 * Waits until a condition gives something true and answers it. What the condition throws ends the wait at once.
 * @throws Error `waited 10 s for …` when time is up
 */
export async function waitFor<Result>(
  condition: () => Result | Promise<Result>,
  options: WaitOptions,
): Promise<NonNullable<Result>> {
  const msMax = options.msMax ?? MS_MAX;
  const deadline = performance.now() + msMax;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (performance.now() > deadline) throw new Error(`waited ${msMax / 1000} s for ${options.what}`);
    await wait(options.pollMs ?? POLL_MS);
  }
}
