import { expect, test } from 'vitest';
import type { Round } from './chaos.ts';
import type { Kind } from './faults.ts';
import { matrix, roundLine } from './table.ts';

function round(seconds: number, ...faults: [Kind, string][]): Round {
  return {
    round: 1,
    faults: faults.map(([kind, victim]) => ({ kind, victim, seconds: kind === 'kill' ? 0 : 2 })),
    seconds,
    acknowledged: { readings: 3, orders: 2, reports: 1 },
  };
}

test('the matrix counts each fault of each victim, and times those that were alone', () => {
  const lines = matrix([
    round(2, ['kill', 'nats']),
    round(9, ['kill', 'nats']),
    round(4, ['kill', 'nats']),
    round(30, ['kill', 'nats'], ['freeze', 'api']),
    round(1, ['disk full', 'nats']),
  ]);
  const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  expect(cells[0]).toEqual(['', 'well again after', 'kill', 'freeze', 'cut', 'disk full', '']);
  expect(cells[2]).toEqual(['', 'api', '', '1×', '', '', '']);
  expect(cells[3]).toEqual(['', 'nats', '4×: 4.0, at most 9.0 s', '', '', '1×: 1.0, at most 1.0 s', '']);
  expect(lines.at(-1)).toBe('two faults at once: 1×: 30.0, at most 30.0 s; all: 5×: 4.0, at most 30.0 s');
});

test('a round is a line', () => {
  expect(roundLine(round(1.25, ['kill', 'nats'], ['freeze', 'api']), 20)).toBe(
    'round 1 of 20: nats killed and api frozen for 2.0 s; all well 1.3 s later (acknowledged so far: 3 readings, 2 orders, 1 reports)',
  );
});
