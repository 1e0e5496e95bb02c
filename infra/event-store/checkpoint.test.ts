import { describe, expect, it } from 'vitest';
import { resumeFrom } from './checkpoint.ts';
import { LogLost } from './errors.ts';

const bounds = { first: 1, last: 10, created: '2026-01-01T00:00:00Z' };

describe('where a reader goes on', () => {
  it('is the beginning without a checkpoint, else behind it', () => {
    expect(resumeFrom('alert', undefined, bounds)).toBe(0);
    expect(resumeFrom('alert', { sequence: 10, created: bounds.created }, bounds)).toBe(10);
  });

  it('is nowhere when the log is shorter than what was read, or another', () => {
    expect(() => resumeFrom('alert', { sequence: 11, created: bounds.created }, bounds)).toThrow(LogLost);
    expect(() => resumeFrom('alert', { sequence: 5, created: '2025-01-01T00:00:00Z' }, bounds)).toThrow('log was lost');
  });
});
