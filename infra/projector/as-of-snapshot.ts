import type { Collection } from 'mongodb';
import { NoSuchMoment } from './moment.ts';
import { type AnyProjection, foldOnce, type ProjectedEvent, type ReadModelDocument } from './projection.ts';
import { firstOf, matcher, type Queried, type Question, queriedBy } from './queried.ts';
import { nodesAt, type Version } from './versions.ts';

/** Documents are counted by their ids, of which so many are fetched at most; more are refused. */
const COUNTED_MAX = 100_000;

/** A read model at a sequence: the snapshot before it, and the events since. */
export type SnapshotOptions = {
  projection: AnyProjection;
  live: Collection<ReadModelDocument>;
  versions: Collection<Version>;
  /** Every so many events is a snapshot. */
  every: number;
  sequence: number;
  /** The instant at which a sequence was recorded. */
  recordedAt: (sequence: number) => Promise<string>;
  /** The events after one sequence up to another. */
  eventsBetween: (after: number, upTo: number) => Promise<readonly ProjectedEvent[]>;
};

/** The events since a snapshot with the keys of the documents they touch. */
type Tail = {
  work: { event: ProjectedEvent; keys: string[] }[];
  keys: ReadonlySet<string>;
  /** Those of the keys that may have been in the snapshot. */
  older: string[];
};
type Folded = ReadModelDocument[];

/**
 * A collection as it was after the event at `sequence`. What no event since has changed is found in the collection itself;
 * what was changed, but not between the snapshot and `sequence`, among the former documents; the rest is folded from the
 * snapshot in memory, and then matched, sorted and limited together with the others. The collection is asked before the
 * former documents, and the projector writes them in the other order: what moves from one to the other meanwhile is found
 * twice, never not at all. Counting throws `NoSuchMoment` beyond 100,000 documents.
 */
export function asOfSnapshot(options: SnapshotOptions): Queried<ReadModelDocument> {
  const { live, versions, every, sequence } = options;
  const snapshot = Math.floor(sequence / every);
  const upTo = snapshot * every;
  let tailOnce: Promise<Tail> | undefined;
  let foldedOnce: Promise<Folded> | undefined;
  const tail = () => {
    tailOnce ??= readTail();
    return tailOnce;
  };
  const folded = () => {
    foldedOnce ??= foldTail();
    return foldedOnce;
  };

  return queriedBy(answer, async (filter) => {
    const counted = await answer({ filter, sort: { _id: 1 }, limit: COUNTED_MAX + 1 }, { _id: 1, _position: 1 });
    if (counted.length <= COUNTED_MAX) return counted.length;
    const { name } = options.projection;
    throw new NoSuchMoment(
      `needs more than ${COUNTED_MAX} documents of ${name} to be counted; ask for a shorter range`,
    );
  });

  async function answer(
    question: Question<ReadModelDocument>,
    fields?: Record<string, 1>,
  ): Promise<ReadModelDocument[]> {
    const { filter, sort, limit } = question;
    const { keys, older } = await tail();
    // Each of these may be found in the snapshot, and count no more.
    const wanted = { filter, sort, limit: limit === undefined ? undefined : limit + older.length };
    const [found, changed] = await Promise.all([inSnapshot(wanted, fields), folded()]);
    const isMatch = matcher(filter);
    return firstOf([...found.filter(({ _id }) => !keys.has(_id)), ...changed.filter(isMatch)], question);
  }

  /** What a question finds in the snapshot. */
  async function inSnapshot(
    { filter, sort, limit = 0 }: Question<ReadModelDocument>,
    fields: Record<string, 1> = {},
  ): Promise<ReadModelDocument[]> {
    if (snapshot === 0) return [];
    const born = await bornBySnapshot();
    const bounds = born === undefined ? [] : [{ [born.field]: { $lte: born.atMost } }];
    // Said so that no index on `_position` is taken for the answer: it would find half of all documents, to sort them then.
    const unchanged = { $and: [filter, { $nor: [{ _position: { $gt: upTo } }] }, ...bounds] };
    const stillThere = await live.find(unchanged, { projection: fields }).sort(sort).limit(limit).toArray();
    const former = await versions
      .find({ nodes: { $in: nodesAt(snapshot) }, ...inside(filter) }, { projection: inside(fields) })
      .sort(inside(sort))
      .limit(limit)
      .toArray();
    return byKey([...stillThere, ...former.map(({ document }) => document)]);
  }

  /** What no document of the snapshot exceeds. */
  async function bornBySnapshot() {
    const { bornBy } = options.projection;
    return bornBy === undefined || snapshot === 0 ? undefined : bornBy(upTo, await options.recordedAt(upTo));
  }

  async function readTail(): Promise<Tail> {
    const events = await options.eventsBetween(upTo, sequence);
    const work = events.map((event) => ({ event, keys: options.projection.keys(event) }));
    const keys = new Set(work.flatMap((one) => one.keys));
    const born = await bornBySnapshot();
    const older = [...keys].filter((key) => born?.field !== '_id' || key <= String(born.atMost));
    return { work, keys, older };
  }

  /** What became of the documents that the events since the snapshot touch. */
  async function foldTail(): Promise<Folded> {
    const { work, older } = await tail();
    const filter = { _id: { $in: older } };
    const before = older.length === 0 ? [] : await inSnapshot({ filter, sort: { _id: 1 }, limit: undefined });
    const documents = new Map(before.map((document) => [document._id, document]));
    for (const { event, keys: its } of work) {
      for (const key of its) {
        const document = foldOnce(options.projection, documents.get(key), event, key);
        if (document !== undefined) documents.set(key, document);
      }
    }
    return [...documents.values()];
  }
}

/** Fields of a document as fields of its version. */
function inside<Value>(fields: Record<string, Value>): Record<string, Value> {
  const operator = Object.keys(fields).find((field) => field.startsWith('$'));
  if (operator !== undefined) throw new TypeError(`a question about the past names fields, not ${operator}`);
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [`document.${field}`, value]));
}

function byKey(documents: readonly ReadModelDocument[]): ReadModelDocument[] {
  return [...new Map(documents.map((document) => [document._id, document])).values()];
}
