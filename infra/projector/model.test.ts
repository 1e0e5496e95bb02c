import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SecondWriter } from './checkpoints.ts';
import type { Change, Documents } from './documents.ts';
import { openModel, PoisonEvent } from './model.ts';
import type { ProjectedEvent, Projection, ReadModelDocument } from './projection.ts';
import { foldAll, readingEvent } from './testing.ts';

type Sum = ReadModelDocument & { seen: number[] };

/** Which readings each twin had, and all together; twin `c` is ignored. A wrong or repeated fold shows in the list. */
const seen: Projection<Sum> = {
  name: 'seen',
  version: 1,
  stream: 'TELEMETRY',
  keys: (event) => (event.envelope.subject === 'c' ? [] : [event.envelope.subject, 'all']),
  fold: (document, event, key) => ({ _id: key, seen: [...(document?.seen ?? []), event.recorded.sequence] }),
};

const reading = (sequence: number, twinId: string): ProjectedEvent =>
  readingEvent(sequence, twinId, { observedAt: '2026-11-24T20:00:00Z', values: {} });
const readings = (...twins: string[]) => twins.map((twin, index) => reading(index + 1, twin));

function memoryDocuments(stored = new Map<string, ReadModelDocument>()): Documents & {
  stored: Map<string, ReadModelDocument>;
  loads: number;
} {
  return {
    stored,
    loads: 0,
    async load(keys) {
      this.loads += 1;
      return keys.flatMap((key) => stored.get(key) ?? []);
    },
    async write(changes) {
      for (const change of changes) writeOne(stored, change);
    },
  };
}

function writeOne(stored: Map<string, ReadModelDocument>, { document, storedPosition }: Change): void {
  if (stored.get(document._id)?._position !== storedPosition) throw new SecondWriter(document._id);
  stored.set(document._id, document);
}

test('a batch changes the documents of its events and leaves nothing behind once written', async () => {
  const documents = memoryDocuments();
  const model = openModel(seen, documents, 0);
  const touched = await model.fold(readings('a', 'b', 'a', 'c'), 4);
  expect(touched.map((document) => document._id).sort()).toEqual(['a', 'all', 'b']);
  expect([model.position, model.changedCount]).toEqual([4, 3]);
  const unwritten = model.unwritten();
  await documents.write(unwritten.changes);
  model.written(unwritten);
  expect(model.changedCount).toBe(0);
  expect(documents.stored.get('a')).toEqual({ _id: 'a', seen: [1, 3], _position: 3 });
});

test('former documents wait to be written, and none is kept where nobody would write them', async () => {
  const dated: Projection<Sum> = { ...seen, past: { subject: (key) => key, period: ({ _position }) => _position } };
  const model = openModel(dated, memoryDocuments(), 0);
  await model.fold(readings('a', 'a', 'a'), 3);
  expect(model.unwritten().versions.map(({ until }) => until)).toEqual([2, 2, 3, 3]);
  const forgetful = openModel(dated, memoryDocuments(), 0, { keepsFormer: false });
  await forgetful.fold(readings('a', 'a', 'a'), 3);
  expect([forgetful.versionCount, forgetful.changedCount]).toEqual([0, 2]);
});

test('documents in use are not loaded again', async () => {
  const documents = memoryDocuments();
  const model = openModel(seen, documents, 0);
  await model.fold(readings('a'), 1);
  await model.fold([reading(2, 'a')], 2);
  expect(documents.loads).toBe(1);
});

test('the position moves over events that change nothing', async () => {
  const model = openModel(seen, memoryDocuments(), 0);
  await model.fold([], 7);
  expect([model.position, model.changedCount]).toEqual([7, 0]);
});

test('what changes while a write is under way is written next', async () => {
  const documents = memoryDocuments();
  const model = openModel(seen, documents, 0);
  await model.fold(readings('a'), 1);
  const first = model.unwritten();
  await model.fold([reading(2, 'a')], 2);
  await documents.write(first.changes);
  model.written(first);
  expect(model.changedCount).toBe(2);
  const second = model.unwritten();
  await documents.write(second.changes);
  model.written(second);
  expect(documents.stored.get('a')).toEqual({ _id: 'a', seen: [1, 2], _position: 2 });
});

test('a document written a moment ago rests, and the position stays before what is not written of it', async () => {
  const documents = memoryDocuments();
  const model = openModel(seen, documents, 0);
  const hour = 3_600_000;
  expect(model.isDue(await model.fold(readings('a'), 1), hour)).toBe(true);
  model.written(model.unwritten(hour));
  expect(model.isDue(await model.fold([reading(2, 'a')], 2), hour)).toBe(false);
  expect(model.isDue(await model.fold([reading(3, 'b')], 3), hour)).toBe(true);
  const due = model.unwritten(hour);
  expect([due.changes.map(({ document }) => document._id), due.position]).toEqual([['b'], 1]);
  model.written(due);
  await model.fold([], 9);
  expect(model.unwritten(hour)).toEqual({ changes: [], versions: [], position: 1, foldedTo: 9 });
  const all = model.unwritten();
  expect([all.changes.map(({ document }) => document._id), all.position]).toEqual([['a', 'all'], 9]);
});

test('what changes while a write is under way never takes the position back', async () => {
  const model = openModel(seen, memoryDocuments(), 0);
  await model.fold(readings('a', 'b', 'c'), 30);
  const first = model.unwritten();
  await model.fold([reading(31, 'a')], 31);
  model.written(first);
  expect([first.position, model.unwritten(3_600_000).position]).toEqual([30, 30]);
});

test('a document written by somebody else is not overwritten', async () => {
  const stored = new Map<string, ReadModelDocument>();
  const [one, other] = [memoryDocuments(stored), memoryDocuments(stored)];
  const [first, second] = [openModel(seen, one, 0), openModel(seen, other, 0)];
  await first.fold(readings('a'), 1);
  await second.fold(readings('a'), 1);
  await one.write(first.unwritten().changes);
  await expect(other.write(second.unwritten().changes)).rejects.toThrow(SecondWriter);
});

describe('an event that cannot be folded', () => {
  const poisoned: Projection<Sum> = {
    ...seen,
    fold(document, event, key) {
      if (event.recorded.sequence === 3 && key === 'all') throw new TypeError('no such unit');
      return seen.fold(document, event, key);
    },
  };

  test('is named, and the documents hold everything before it and nothing of it', async () => {
    const model = openModel(poisoned, memoryDocuments(), 0);
    const folding = model.fold(readings('a', 'b', 'a', 'b'), 4);
    await expect(folding).rejects.toThrow(PoisonEvent);
    await expect(folding).rejects.toThrow('ReadingRecorded at TELEMETRY:3: no such unit');
    expect(model.position).toBe(2);
    expect(model.unwritten().changes.map(({ document }) => document)).toEqual([
      { _id: 'a', seen: [1], _position: 1 },
      { _id: 'all', seen: [1, 2], _position: 2 },
      { _id: 'b', seen: [2], _position: 2 },
    ]);
  });
});

test('whatever is cut off between any two steps, the documents become those of an undisturbed fold', async () => {
  const twins = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 40 });
  /** Each round: how many events the batch has, and after which of its steps the projector dies (4: it lives on). */
  const rounds = fc.array(
    fc.record({ size: fc.integer({ min: 1, max: 9 }), diesAfter: fc.integer({ min: 0, max: 4 }) }),
    {
      maxLength: 30,
    },
  );
  await fc.assert(
    fc.asyncProperty(twins, rounds, async (names, plan) => {
      const events = readings(...names);
      const documents = memoryDocuments();
      let checkpoint = 0;
      let model = openModel(seen, documents, checkpoint);
      for (const { size, diesAfter } of [...plan, { size: events.length, diesAfter: 4 }]) {
        const batch = events.slice(model.position, model.position + size);
        const steps: (() => Promise<void> | void)[] = [
          async () => void (await model.fold(batch, model.position + batch.length)),
          // Half of a bulk write is what a database that dies under it may leave.
          () => documents.write(model.unwritten().changes.slice(0, diesAfter === 2 ? 1 : undefined)),
          () => model.written(model.unwritten()),
          () => {
            checkpoint = model.position;
          },
        ];
        for (const step of steps.slice(0, diesAfter)) await step();
        if (diesAfter < 4) model = openModel(seen, documents, checkpoint);
      }
      expect(checkpoint).toBe(events.length);
      expect(Object.fromEntries(documents.stored)).toEqual(Object.fromEntries(foldAll(seen, events)));
    }),
  );
});
