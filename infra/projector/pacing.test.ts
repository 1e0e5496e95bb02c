import { expect, test } from 'vitest';
import { restAfterWriteMs } from './pacing.ts';

test.each([
  ['a short write is followed by none', 200, 0],
  ['a long one by one in proportion', 2_000, 18_000],
  ['one that took very long by half a minute', 60_000, 30_000],
])('rests: %s', (_what, tookMs, restMs) => {
  expect(restAfterWriteMs(tookMs)).toBe(restMs);
});
