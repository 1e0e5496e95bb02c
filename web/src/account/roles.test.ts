import { describe, expect, it } from 'vitest';
import { rolesThatMay, safeNext } from './roles.ts';

describe('after signing in', () => {
  it('the page that was asked for wins', () => {
    expect(safeNext('/twins/turbine1?range=6h', '/overview')).toBe('/twins/turbine1?range=6h');
  });

  it('nothing leads out of the app', () => {
    expect(
      ['https://elsewhere.example', '//elsewhere.example', '/\\elsewhere.example', 'overview', null].map((next) =>
        safeNext(next, '/overview'),
      ),
    ).toEqual(Array(5).fill('/overview'));
  });
});

describe('a page for other roles', () => {
  it('names them', () => {
    expect(rolesThatMay('log:read')).toEqual(['Auditor', 'Admin']);
  });
});
