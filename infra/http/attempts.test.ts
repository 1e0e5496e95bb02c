import { expect, test } from 'vitest';
import { countAttempts } from './attempts.ts';

test('so many attempts fail, then the key is shut until the window ends; right ones do not count', () => {
  let seconds = 0;
  const attempts = countAttempts(2, 60, () => new Date(seconds * 1000));
  attempts.begin('a');
  attempts.forgive('a');
  attempts.begin('a');
  attempts.begin('a');
  seconds = 20;
  expect(() => attempts.begin('a')).toThrow(
    expect.objectContaining({ statusCode: 429, more: expect.objectContaining({ retryAfterSeconds: 40 }) }),
  );
  attempts.begin('b');
  seconds = 60;
  attempts.begin('a');
});
