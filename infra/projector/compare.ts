import { createHash } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Compared, DIFFERENCES_NAMED_MAX, type Difference } from '@stratum/contracts/rebuild.ts';
import type { Collection } from 'mongodb';
import { readStream } from '../event-store/reader.ts';
import { decodeAll } from './decode.ts';
import { canonicalJson, documentsInOrder } from './digest.ts';
import { type AnyProjection, foldOnce, type ReadModelDocument } from './projection.ts';

/** So many differing fields of a document are named. */
const FIELDS_NAMED_MAX = 5;
/** Progress is told after so many documents. */
const REPORTED_EVERY = 500;

/** Two collections of one read model, document by document, each taken at the position of the served one. */
export type Comparison = Pick<
  Compared,
  'documents' | 'servedDigest' | 'rebuiltDigest' | 'differenceCount' | 'differences'
>;

/** What is compared: `rebuilt` holds everything up to `position`; `served` holds that at least, and changes all the time. */
export type CompareOptions = {
  nc: NatsConnection;
  projection: AnyProjection;
  served: Collection<ReadModelDocument>;
  rebuilt: Collection<ReadModelDocument>;
  position: number;
  signal: AbortSignal;
  /** Called after every page of documents with how many were looked at so far. */
  onDocuments: (count: number) => void;
};

/**
 * Compares a rebuilt read model with the one being served. The served documents are read once; where one is ahead, its
 * rebuilt counterpart is folded on to the same position, so that the verdict does not depend on traffic. Of the differing
 * documents the first 20 by `_id` are named.
 * @throws PoisonEvent, the signal's reason, and what the database throws
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { served, rebuilt, position, onDocuments } = options;
  const ahead = new Map<string, ReadModelDocument>();
  const servedHash = createHash('sha256');
  const differences = firstDifferences();
  let documents = 0;
  for await (const [one, other] of pairs(pagesOf(served, options), documentsInOrder(rebuilt))) {
    if (one === undefined) {
      differences.add(one, other);
      continue;
    }
    documents += 1;
    servedHash.update(`${canonicalJson(one)}\n`);
    if (other !== undefined && canonicalJson(one) === canonicalJson(other)) continue;
    if (one._position > position) ahead.set(one._id, one);
    else differences.add(one, other);
  }
  const foldedOn = await foldOn(options, ahead);
  for (const [id, document] of ahead) {
    const other = foldedOn.get(id);
    if (canonicalJson(other) !== canonicalJson(document)) differences.add(document, other);
  }
  const rebuiltDigest = await digestWith(pagesOf(rebuilt, options), foldedOn);
  onDocuments(documents);
  return { documents, servedDigest: servedHash.digest('hex'), rebuiltDigest, ...differences.found() };
}

/** Counts differing documents and keeps the first by `_id`. */
function firstDifferences() {
  let differenceCount = 0;
  let named: Difference[] = [];
  return {
    add(served: ReadModelDocument | undefined, rebuilt: ReadModelDocument | undefined): void {
      differenceCount += 1;
      named.push(differenceOf(served, rebuilt));
      if (named.length >= 2 * DIFFERENCES_NAMED_MAX) named = firstOf(named);
    },
    found: () => ({ differenceCount, differences: firstOf(named) }),
  };
}

function firstOf(differences: readonly Difference[]): Difference[] {
  return differences.toSorted((one, other) => (one.id < other.id ? -1 : 1)).slice(0, DIFFERENCES_NAMED_MAX);
}

function differenceOf(served: ReadModelDocument | undefined, rebuilt: ReadModelDocument | undefined): Difference {
  if (served === undefined) return { id: rebuilt?._id ?? '', how: 'missing', fields: [] };
  if (rebuilt === undefined) return { id: served._id, how: 'surplus', fields: [] };
  const [left, right] = [new Map(Object.entries(served)), new Map(Object.entries(rebuilt))];
  const fields = [...new Set([...left.keys(), ...right.keys()])].filter(
    (name) => canonicalJson(left.get(name)) !== canonicalJson(right.get(name)),
  );
  return { id: served._id, how: 'changed', fields: fields.slice(0, FIELDS_NAMED_MAX) };
}

/** A collection's documents in `_id` order, until the signal says to stop. */
async function* pagesOf(
  collection: Collection<ReadModelDocument>,
  { signal, onDocuments }: CompareOptions,
): AsyncGenerator<ReadModelDocument, void> {
  let count = 0;
  for await (const document of documentsInOrder(collection)) {
    yield document;
    count += 1;
    if (count % REPORTED_EVERY !== 0) continue;
    signal.throwIfAborted();
    onDocuments(count);
  }
}
/** Folds the rebuilt counterparts of the given documents on to the positions of these. */
async function foldOn(
  { nc, projection, rebuilt, position, signal }: CompareOptions,
  ahead: ReadonlyMap<string, ReadModelDocument>,
): Promise<Map<string, ReadModelDocument>> {
  const folded = new Map<string, ReadModelDocument>();
  if (ahead.size === 0) return folded;
  const end = Math.max(...[...ahead.values()].map((document) => document._position));
  for await (const document of rebuilt.find({ _id: { $in: [...ahead.keys()] } })) folded.set(document._id, document);
  const finished = new AbortController();
  await readStream(nc, {
    stream: projection.stream,
    from: position + 1,
    signal: AbortSignal.any([signal, finished.signal]),
    onBatch: async (messages) => {
      const { events, upTo, poison } = decodeAll(messages.filter((message) => message.sequence <= end));
      if (poison !== undefined) throw poison.error;
      for (const event of events) {
        for (const key of projection.keys(event)) {
          if (event.recorded.sequence > (ahead.get(key)?._position ?? 0)) continue;
          const document = foldOnce(projection, folded.get(key), event, key);
          if (document !== undefined) folded.set(key, document);
        }
      }
      if (upTo >= end) finished.abort();
    },
  });
  signal.throwIfAborted();
  return folded;
}

/** The digest of documents in order, of which some are replaced or added. */
async function digestWith(
  documents: AsyncIterable<ReadModelDocument>,
  replaced: ReadonlyMap<string, ReadModelDocument>,
): Promise<string> {
  const hash = createHash('sha256');
  const inOrder = [...replaced.values()].sort((one, other) => (one._id < other._id ? -1 : 1));
  for await (const [one, other] of pairs(documents, inOrder)) {
    hash.update(`${canonicalJson(other ?? one)}\n`);
  }
  return hash.digest('hex');
}

type Pair = [ReadModelDocument | undefined, ReadModelDocument | undefined];
type InOrder = AsyncIterable<ReadModelDocument> | Iterable<ReadModelDocument>;

/** Walks two lists in `_id` order side by side; what is in one of them only stands alone. */
async function* pairs(ones: InOrder, others: InOrder): AsyncGenerator<Pair, void> {
  const [left, right] = [iteratorOf(ones), iteratorOf(others)];
  let [one, other] = [await left(), await right()];
  while (one !== undefined || other !== undefined) {
    if (one !== undefined && (other === undefined || one._id < other._id)) {
      yield [one, undefined];
      one = await left();
    } else if (other !== undefined && (one === undefined || other._id < one._id)) {
      yield [undefined, other];
      other = await right();
    } else {
      yield [one, other];
      [one, other] = [await left(), await right()];
    }
  }
}

function iteratorOf(documents: InOrder): () => Promise<ReadModelDocument | undefined> {
  const iterator = Symbol.asyncIterator in documents ? documents[Symbol.asyncIterator]() : documents[Symbol.iterator]();
  return async () => {
    const next = await iterator.next();
    return next.done === true ? undefined : next.value;
  };
}
