import { describe, expect, test } from 'vitest';
import { mergeHealth, type PartHealth } from './health.ts';

const answer = (process: string, part: PartHealth) => ({ process, parts: { 'worker/x': part } });
const merged = (...parts: PartHealth[]) =>
  mergeHealth(parts.map((part, number) => answer(`w${number + 1}`, part)))['worker/x'];

describe('what several workers say of a part', () => {
  test('its leader tells how far it is; the others are in reserve', () => {
    const leader: PartHealth = { status: 'ok', role: 'leader', position: 41 };
    const standby: PartHealth = { status: 'ok', role: 'standby', position: 50 };
    const expected = { status: 'ok', detail: 'at 41, led by w2, 2 in reserve', position: 41 };
    expect(merged(standby, leader, standby)).toEqual(expected);
  });

  test('one that is not well is not hidden by another that is', () => {
    const well: PartHealth = { status: 'ok', role: 'leader', position: 41 };
    const ill: PartHealth = { status: 'failed', role: 'standby', position: 7, detail: 'it had to stop' };
    const expected = { status: 'failed', detail: 'at 41, led by w1, 1 in reserve; w2: it had to stop', position: 41 };
    expect(merged(well, ill)).toEqual(expected);
    expect(merged(ill, well)?.status).toBe('failed');
  });

  test('a part that all are ready to lead, but none does, is not well', () => {
    const standby: PartHealth = { status: 'ok', role: 'standby', position: 3 };
    expect(merged(standby, standby)).toEqual({ status: 'failed', detail: 'led by nobody just now', position: 3 });
  });

  test('a part of one worker alone is told of, too', () => {
    const parts = mergeHealth([
      { process: 'w1', parts: { 'worker/x': { status: 'ok' } } },
      { process: 'w2', parts: { 'worker/y': { status: 'failed' } } },
    ]);
    expect(parts['worker/x']?.status).toBe('ok');
    expect(parts['worker/y']).toMatchObject({
      status: 'failed',
      detail: 'at 0, led by w2, 0 in reserve; w2: not well',
    });
  });
});
