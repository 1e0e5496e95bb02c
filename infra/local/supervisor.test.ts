import { expect, test } from 'vitest';
import { backoffMs } from './supervisor.ts';

test('pauses between restarts double up to fifteen seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8, 100].map(backoffMs)).toEqual([
    250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000,
  ]);
});
