/** Steps that people count in. */
const STEPS = [1, 2, 2.5, 5, 10];

/** Marks of an axis from 0 to at least `largest`: about `count` of them at round numbers. */
export function axisMarks(largest: number, count = 4): number[] {
  if (!(largest > 0)) return [0, 1];
  const rough = largest / count;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((candidate) => candidate * magnitude >= rough) ?? 10) * magnitude;
  return Array.from({ length: Math.ceil(largest / step - 1e-9) + 1 }, (_, index) => index * step);
}

/** A number short enough for an axis: `12k`, `1.5M`. */
export function shortNumber(value: number): string {
  if (value >= 1_000_000) return `${Number((value / 1_000_000).toFixed(1))}M`;
  if (value >= 10_000) return `${Number((value / 1000).toFixed(1))}k`;
  return value.toLocaleString('en', { maximumFractionDigits: 2 });
}
