import { describe, expect, it } from 'vitest';
import { atLeast, atMost, exactly, figureLines, shown } from './figures.ts';

describe('figures of a benchmark', () => {
  it('are met on the line and not beyond it', () => {
    expect(atLeast('append', 0.8, 0.8, '×').isMet).toBe(true);
    expect(atLeast('append', 0.8, 0.799, '×').isMet).toBe(false);
    expect(atMost('lag', 10, 10, '').isMet).toBe(true);
    expect(atMost('lag', 10, 11, '').isMet).toBe(false);
    expect(exactly('lost', 0, 1).isMet).toBe(false);
  });

  it('are not met when there was nothing to measure', () => {
    expect(atLeast('append', 0, Number.NaN, '×').isMet).toBe(false);
    expect(atMost('lag', 10, Number.NaN, '').isMet).toBe(false);
  });

  it('end with how many are met', () => {
    expect(figureLines([atLeast('append', 0.8, 1.234, '×'), exactly('readings lost', 0, 2)])).toEqual([
      '  ✓ append: asked ≥ 0.8×, measured 1.23×',
      '  ✗ readings lost: asked 0, measured 2',
      '1 of 2 figures met',
    ]);
  });

  it('are shown with as many digits as say something', () => {
    expect([123_456.7, 100.4, 99.96, 0.1234, Number.NaN].map(shown)).toEqual([
      '123,457',
      '100',
      '100',
      '0.123',
      'not measured',
    ]);
  });
});
