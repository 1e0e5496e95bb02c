/** Limits of the vertical axis: the values and the normal range, and a little air. */
export function verticalRange(
  values: readonly (number | null)[],
  low: number,
  high: number,
): { from: number; to: number } {
  let from = low;
  let to = high;
  for (const value of values) {
    if (value === null) continue;
    from = Math.min(from, value);
    to = Math.max(to, value);
  }
  const air = (to - from) * 0.08;
  return { from: from - air, to: to + air };
}

export type Scale = { x: (time: number) => number; y: (value: number) => number };

/** An SVG path through the points; a null lifts the pen, so that a gap stays a gap. */
export function linePath(times: readonly number[], values: readonly (number | null)[], { x, y }: Scale): string {
  let path = '';
  let penIsDown = false;
  for (const [index, time] of times.entries()) {
    const value = values[index] ?? null;
    if (value !== null) path += `${penIsDown ? 'L' : 'M'}${x(time).toFixed(2)} ${y(value).toFixed(2)}`;
    penIsDown = value !== null;
  }
  return path;
}
