import { expect, test } from 'vitest';
import type { ProjectedEvent, ReadModelDocument } from '../projector/projection.ts';
import { type Documents, digestOfFolded, type Foldable, foldInto } from './folds.ts';

type Sum = ReadModelDocument & { sum: number };

/** Adds up what happened, by who did it; nothing happens to whom nothing is added. */
const sums: Foldable = {
  keys: (event) => [who(event)],
  fold: (document, event) => {
    const added = amount(event);
    return added === 0 ? document : { sum: ((document as Sum | undefined)?.sum ?? 0) + added };
  },
};
const event = (sequence: number, by: string, added: number) =>
  ({ recorded: { sequence }, data: { by, added } }) as unknown as ProjectedEvent;
const who = (one: ProjectedEvent) => (one as unknown as { data: { by: string } }).data.by;
const amount = (one: ProjectedEvent) => (one as unknown as { data: { added: number } }).data.added;

function folded(events: ProjectedEvent[]): Documents {
  const documents: Documents = new Map();
  for (const one of events) foldInto(documents, sums, one);
  return documents;
}

test('a fold of the log holds what it comes to, and where each document was changed last', () => {
  const documents = folded([event(1, 'b', 2), event(2, 'a', 3), event(3, 'b', 4), event(4, 'a', 0), event(5, 'c', 0)]);
  expect([...documents.values()]).toEqual([
    { _id: 'b', _position: 3, sum: 6 },
    { _id: 'a', _position: 2, sum: 3 },
  ]);
});

test('its digest tells every difference, and none in the order of coming', () => {
  const digest = digestOfFolded(folded([event(1, 'b', 2), event(2, 'a', 3)]));
  expect(digestOfFolded(new Map([...folded([event(1, 'b', 2), event(2, 'a', 3)])].toReversed()))).toBe(digest);
  expect(digestOfFolded(folded([event(1, 'b', 2), event(2, 'a', 4)]))).not.toBe(digest);
  expect(digestOfFolded(folded([event(1, 'b', 2), event(3, 'a', 3)]))).not.toBe(digest);
  expect(digestOfFolded(folded([event(1, 'b', 2)]))).not.toBe(digest);
});
