import { describe, expect, it } from 'vitest';
import { alternately, median, quantile, ratePerSecond } from './measure.ts';

describe('what a benchmark counts with', () => {
  it('takes the middle, not the mean', () => {
    expect(median([1, 100, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('interpolates quantiles', () => {
    expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9);
    expect(quantile([5], 0.99)).toBe(5);
  });

  it('never has more in flight than allowed, and runs each once', async () => {
    let now = 0;
    let most = 0;
    const seen: number[] = [];
    await ratePerSecond(50, 4, async (index) => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      seen.push(index);
      now -= 1;
    });
    expect(most).toBe(4);
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('lets rivals go first in turn', () => {
    expect(alternately(['a', 'b'], 2)).toEqual(['a', 'b', 'b', 'a']);
  });
});
