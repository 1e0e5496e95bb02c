/** Middle of the values; for an even count the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of all lies (0..1), by linear interpolation. NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** Runs `count` tasks, at most `inFlight` at once, and answers how many were done per second. */
export async function ratePerSecond(
  count: number,
  inFlight: number,
  task: (index: number) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) await task(index);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
  return (count / (performance.now() - started)) * 1000;
}

/** Milliseconds that one task takes. */
export async function durationMs(task: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await task();
  return performance.now() - started;
}

/** Splits a list into those of even and odd rounds so that rivals measured in turn share the machine's moods. */
export function alternately<Name extends string>(names: readonly Name[], rounds: number): Name[] {
  return Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? [...names] : names.toReversed())).flat();
}
