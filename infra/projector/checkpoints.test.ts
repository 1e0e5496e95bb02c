import { describe, expect, test } from 'vitest';
import { type Checkpoint, reasonToRebuild } from './checkpoints.ts';

const checkpoint: Checkpoint = {
  _id: 'orders_v1',
  name: 'orders',
  version: 1,
  stream: 'PLANT',
  collection: 'orders_v1',
  position: 100,
  streamCreated: '2026-11-24T00:00:00Z',
  startedAt: '2026-11-24T00:00:01Z',
  updatedAt: '2026-11-24T20:00:00Z',
  term: 1,
  holder: 'plant/1',
  stopped: null,
};
const facts = { first: 1, last: 100, created: '2026-11-24T00:00:00Z' };

describe('a read model', () => {
  test('goes on with the log it was folded from, also when older messages have aged out', () => {
    expect(reasonToRebuild(checkpoint, facts)).toBeUndefined();
    expect(reasonToRebuild(checkpoint, { ...facts, first: 200, last: 300 })).toBeUndefined();
  });

  test('is rebuilt when its log was cut off behind it', () => {
    expect(reasonToRebuild(checkpoint, { ...facts, last: 99 })).toBe(
      'PLANT ends at 99 but the read model is at 100: the log was cut off or restored',
    );
  });

  test('is rebuilt when its log is another one', () => {
    expect(reasonToRebuild(checkpoint, { ...facts, created: '2026-11-25T00:00:00Z' })).toContain('was created anew');
  });
});
