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
      'PLANT ends at 99 but was read up to 100: the log was cut off or restored',
    );
  });

  test('is rebuilt when its log was cut off behind what was seen of it, or has another message there now', () => {
    const witness = { sequence: 120, recordedAt: '2026-11-24T20:00:00.500Z' };
    const seen = { ...checkpoint, witness };
    expect(reasonToRebuild(seen, { ...facts, last: 119 })).toContain('ends at 119 but was read up to 120');
    const longer = { ...facts, last: 300 };
    expect(reasonToRebuild(seen, { ...longer, witnessed: '2026-11-24T21:00:00.000Z' })).toBe(
      'PLANT:120 is of 2026-11-24T21:00:00.000Z but was read as of 2026-11-24T20:00:00.500Z: ' +
        'the log was cut off or restored, and has grown since',
    );
    // The same time may reach us rounded, and the message may have aged out.
    expect(reasonToRebuild(seen, { ...longer, witnessed: '2026-11-24T20:00:00.501Z' })).toBeUndefined();
    expect(reasonToRebuild(seen, longer)).toBeUndefined();
  });

  test('is rebuilt when its log is another one', () => {
    expect(reasonToRebuild(checkpoint, { ...facts, created: '2026-11-25T00:00:00Z' })).toContain('was created anew');
  });
});
