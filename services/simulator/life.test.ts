import { describe, expect, test } from 'vitest';
import type { Fault } from './faults.ts';
import { BACKFILL_TICKS, instantOf, type Life, lifeAfter } from './life.ts';
import { relabel } from './truth.ts';

const nowMs = Date.parse('2026-11-24T20:00:00.400Z');
const start = { remembered: undefined, seed: 7, plantId: 'p1', inbox: 'made-today', hasReadings: false, nowMs };

describe('the life of the plant', () => {
  test('begins a day ago at a first start, and the last tick of that day is now', () => {
    const life = lifeAfter(start);
    expect(life).toMatchObject({ nextTick: 0, plantId: 'p1', inbox: 'made-today' });
    expect(BACKFILL_TICKS).toBe(8640);
    expect(instantOf(life, 0)).toBe('2026-11-23T20:00:10.000Z');
    expect(instantOf(life, BACKFILL_TICKS - 1)).toBe('2026-11-24T20:00:00.000Z');
  });
  test('goes on where it stopped', () => {
    const remembered: Life = { ...lifeAfter(start), nextTick: 9000, plantId: 'p0' };
    expect(lifeAfter({ ...start, remembered, hasReadings: true })).toBe(remembered);
  });
  test('begins anew with another log, whatever it remembers of the old one', () => {
    const remembered: Life = { ...lifeAfter(start), nextTick: 9000, inbox: 'made-yesterday' };
    expect(lifeAfter({ ...start, remembered })).toMatchObject({ nextTick: 0, inbox: 'made-today', standing: [] });
  });
  test('is not back-filled a second time when only its memory is lost', () => {
    expect(lifeAfter({ ...start, hasReadings: true })).toMatchObject({ nextTick: BACKFILL_TICKS });
  });
});

describe('the truth', () => {
  const fault: Fault = {
    id: 'leak-pipeline1-100',
    kind: 'leak',
    twinId: 'pipeline1',
    parameters: ['pressure', 'flowRate'],
    fromTick: 100,
    toTick: 200,
    severity: 0.5,
  };
  const label = {
    id: fault.id,
    kind: 'leak',
    twinId: 'pipeline1',
    parameters: ['pressure', 'flowRate'],
    from: 'then',
    to: null,
    severity: 0.5,
  };
  const begins = () => 'then';
  test('is told when a fault begins and again when it is over', () => {
    expect(relabel([], [fault], 'now', begins)).toEqual({ standing: [label], told: [label] });
    expect(relabel([label], [fault], 'now', begins)).toEqual({ standing: [label], told: [] });
    expect(relabel([label], [], 'now', begins)).toEqual({ standing: [], told: [{ ...label, to: 'now' }] });
  });
});
