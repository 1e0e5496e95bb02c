const SLOW_STEP_MS = 300;

/**
 * Runs a step and prints one line when it is done: what it did and how long it took. A step that takes longer than
 * 300 ms also says that it began, so that nobody stares at a silent screen. A failed step prints nothing: its error does.
 */
export async function step<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now();
  const announce = setTimeout(() => say(`… ${what}`), SLOW_STEP_MS);
  try {
    const result = await work();
    say(`✓ ${what} (${formatSeconds(performance.now() - startedAt)})`);
    return result;
  } finally {
    clearTimeout(announce);
  }
}

/** Prints one line of progress on stderr, so that stdout stays free for results. */
export function say(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

/** Seconds with one decimal: `12.3 s`. */
export function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
