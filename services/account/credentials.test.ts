import { expect, test } from 'vitest';
import { HASHES_MAX, hashPassword, passwordCheck } from './credentials.ts';

/** The least bcrypt takes. */
const COST = 4;

test('passwords are hashed so many at once, whoever asks; more are sent away, and later ones are not', async () => {
  const matches = passwordCheck(COST);
  const checks = Array.from({ length: HASHES_MAX - 1 }, () => matches('a long enough password', undefined));
  const hashed = hashPassword('a long enough password', COST);
  await expect(matches('one too many', undefined)).rejects.toMatchObject({ name: 'Overloaded' });
  await expect(hashPassword('one too many', COST)).rejects.toMatchObject({ name: 'Overloaded' });
  expect(await Promise.all(checks)).toEqual(checks.map(() => false));
  expect(await hashed).toMatch(/^\$2/);
  expect(await matches('a long enough password', undefined)).toBe(false);
});
