import { describe, expect, test } from 'vitest';
import { chanceOf } from './chance.ts';
import { drawRounds, faultInWords, pairsOf, type Victims } from './faults.ts';

const victims: Victims = {
  processes: ['nats', 'worker', 'api'],
  groups: ['everything'],
  connected: ['nats', 'worker'],
  disks: ['nats'],
};
const pairs = pairsOf(victims);
const draw = (seed: number, rounds: number, secondsMax = 8) =>
  drawRounds(chanceOf(seed), { pairs, groups: victims.groups, rounds, secondsMax });

test('a victim is killed and frozen, cut off if it has connections, and its disk filled if it has one', () => {
  expect(pairs.map(({ kind, victim }) => `${kind} ${victim}`)).toEqual([
    ...['kill nats', 'kill worker', 'kill api', 'kill everything'],
    ...['freeze nats', 'freeze worker', 'freeze api', 'freeze everything'],
    ...['cut nats', 'cut worker', 'disk full nats'],
  ]);
});

describe('the rounds of a seed', () => {
  test('are the same for the same seed, and others for another', () => {
    expect(draw(3, 40)).toEqual(draw(3, 40));
    expect(draw(3, 40)).not.toEqual(draw(4, 40));
    expect(draw(3, 40)).toHaveLength(40);
  });

  test('hold every fault once before any comes again', () => {
    const faults = draw(5, 40).flatMap((round) => round.faults);
    const names = faults.map(({ kind, victim }) => `${kind} ${victim}`);
    for (let from = 0; from + pairs.length <= names.length; from += pairs.length) {
      expect(new Set(names.slice(from, from + pairs.length)).size).toBe(pairs.length);
    }
  });

  test('now and then hold two faults, of two victims that can be had alone', () => {
    const two = draw(7, 80).filter(({ faults }) => faults.length === 2);
    expect(two.length).toBeGreaterThan(10);
    for (const { faults } of two) {
      expect(faults[0]?.victim).not.toBe(faults[1]?.victim);
      expect(faults.map(({ victim }) => victim)).not.toContain('everything');
    }
  });

  test('last as long as they may; a kill is over at once', () => {
    const faults = draw(9, 200, 4).flatMap((round) => round.faults);
    for (const { kind, seconds } of faults) {
      expect(seconds).toBeGreaterThanOrEqual(kind === 'kill' ? 0 : 1);
      expect(seconds).toBeLessThanOrEqual(kind === 'kill' ? 0 : 4);
    }
    expect(new Set(faults.map(({ loss }) => loss))).toEqual(new Set([undefined, 'dropped', 'silent']));
  });

  test('are none without anything that can be done', () => {
    expect(drawRounds(chanceOf(1), { pairs: [], groups: [], rounds: 5, secondsMax: 8 })).toEqual([]);
  });
});

test('a fault is told in words', () => {
  expect(faultInWords({ kind: 'freeze', victim: 'api', seconds: 2.25 })).toBe('api frozen for 2.3 s');
  expect(faultInWords({ kind: 'cut', victim: 'nats', seconds: 1, loss: 'silent' })).toBe(
    'nats cut off (silent) for 1.0 s',
  );
});
