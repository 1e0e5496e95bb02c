import type { Compared, RebuildView } from '@stratum/contracts/rebuild.ts';
import { describe, expect, it } from 'vitest';
import { differenceText, headlineOf, isWrong, stepText, verdictOf } from './rebuild.ts';

const equal: Compared = {
  name: 'orders',
  documents: 3,
  servedDigest: 'a',
  rebuiltDigest: 'a',
  differenceCount: 0,
  differences: [],
  hasAgedOut: false,
  rebuiltCollection: null,
};
const differing: Compared = { ...equal, name: 'alerts', rebuiltDigest: 'b', differenceCount: 2 };
const aged: Compared = { ...differing, name: 'history_days', hasAgedOut: true };
const run: NonNullable<RebuildView['run']> = {
  id: 'r1',
  by: 'account:a1',
  byName: 'Aldo Auditor',
  state: 'finished',
  begunAt: '2026-11-24T20:00:00Z',
  endedAt: '2026-11-24T20:00:04Z',
  read: [],
  comparing: null,
  modelCount: 2,
  models: [equal, equal],
  error: null,
};

describe('a rebuild in words', () => {
  it('says that all is as the log says, or how much is not', () => {
    expect(headlineOf(run)).toBe('All 2 read models say what the log says');
    expect(headlineOf({ ...run, models: [equal, differing] })).toBe('1 of 2 read models differs from the log');
    expect(headlineOf({ ...run, models: [differing, differing] })).toBe('2 of 2 read models differ from the log');
  });

  it('does not call wrong what only cannot be folded again', () => {
    expect(headlineOf({ ...run, models: [equal, aged] })).toBe('All 2 read models say what the log says');
    expect([equal, differing, aged].map(verdictOf)).toEqual(['equal', 'differs', 'aged out']);
    expect([[equal, aged], [differing]].map((models) => isWrong({ ...run, models }))).toEqual([false, true]);
  });

  it('says what is done at this moment', () => {
    expect(stepText({ ...run, models: [] })).toBe('');
    const comparing = { name: 'alerts', documents: 1500 };
    expect(stepText({ ...run, comparing, models: [equal] })).toBe('Comparing alerts, document 1,500; 1 of 2 compared');
  });

  it('says how a document differs', () => {
    const fields = ['state', 'value'];
    expect(differenceText({ id: 'x', how: 'changed', fields })).toBe('another than the log’s: state, value');
    expect(differenceText({ id: 'x', how: 'missing', fields: [] })).toBe('missing; the log has it');
    expect(differenceText({ id: 'x', how: 'surplus', fields: [] })).toBe('not in the log');
  });
});
