import { expect, test } from 'vitest';
import { isRunning, markOf, parseProcStat } from './process-identity.ts';

const fields = (state: string, startTicks: string) => `${state} ${'0 '.repeat(18)}${startTicks} 1 2`;

test('the start time is the 22nd field, whatever the command is called', () => {
  expect(parseProcStat(`17 (node) ${fields('S', '4711')}`)).toEqual({ state: 'S', startTicks: '4711' });
  expect(parseProcStat(`17 (a) b (c) ${fields('R', '4712')}`)).toEqual({ state: 'R', startTicks: '4712' });
});

test('what is no line of a process is none', () => {
  expect(parseProcStat('')).toBeNull();
  expect(parseProcStat('17 (node) S 1')).toBeNull();
});

test('this process runs; one with its pid and another start time does not', () => {
  const mark = markOf(process.pid);
  expect(mark).not.toBeNull();
  expect(isRunning({ pid: process.pid, identity: mark?.identity ?? '' })).toBe(true);
  expect(isRunning({ pid: process.pid, identity: `${mark?.identity}0` })).toBe(false);
});
