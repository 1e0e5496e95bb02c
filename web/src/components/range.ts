/** The ranges of time that a picker offers. */
export const ranges = ['15m', '1h', '6h', '24h', '7d'] as const;
export type Range = (typeof ranges)[number];

const seconds: Record<Range, number> = { '15m': 900, '1h': 3600, '6h': 21_600, '24h': 86_400, '7d': 604_800 };

/** How long a range is, seconds. */
export function rangeSeconds(range: Range): number {
  return seconds[range];
}

/** A range from the address line; anything else falls back. */
export function rangeOf(value: unknown, fallback: Range = '1h'): Range {
  return ranges.find((range) => range === value) ?? fallback;
}
