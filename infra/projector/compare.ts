import { createHash } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Collection } from 'mongodb';
import { readStream } from '../event-store/reader.ts';
import { decodeAll } from './decode.ts';
import { canonicalJson, documentsInOrder } from './digest.ts';
import { type AnyProjection, foldOnce, type ReadModelDocument } from './projection.ts';

/** Two collections of one read model, document by document, each taken at the position of the served one. */
export type Comparison = {
  documents: number;
  /** SHA-256 over all documents in `_id` order; equal digests are equal collections. */
  servedDigest: string;
  rebuiltDigest: string;
  /** `_id`s of the documents that differ or are in one collection only. */
  differing: string[];
};

/** What is compared: `rebuilt` holds everything up to `position`; `served` holds that at least, and changes all the time. */
export type CompareOptions = {
  nc: NatsConnection;
  projection: AnyProjection;
  served: Collection<ReadModelDocument>;
  rebuilt: Collection<ReadModelDocument>;
  position: number;
  signal: AbortSignal;
};

/**
 * Compares a rebuilt read model with the one being served. The served documents are read once; where one is ahead, its
 * rebuilt counterpart is folded on to the same position, so that the verdict does not depend on traffic.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { served, rebuilt } = options;
  const ahead = new Map<string, ReadModelDocument>();
  const servedHash = createHash('sha256');
  const differing: string[] = [];
  let documents = 0;
  for await (const [one, other] of pairs(documentsInOrder(served), documentsInOrder(rebuilt))) {
    if (one === undefined) {
      if (other !== undefined) differing.push(other._id);
      continue;
    }
    documents += 1;
    servedHash.update(`${canonicalJson(one)}\n`);
    if (other !== undefined && canonicalJson(one) === canonicalJson(other)) continue;
    if (one._position > options.position) ahead.set(one._id, one);
    else differing.push(one._id);
  }
  const foldedOn = await foldOn(options, ahead);
  for (const [id, document] of ahead) {
    if (canonicalJson(foldedOn.get(id)) !== canonicalJson(document)) differing.push(id);
  }
  const rebuiltDigest = await digestWith(rebuilt, foldedOn);
  return { documents, servedDigest: servedHash.digest('hex'), rebuiltDigest, differing: differing.sort() };
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

/** The digest of a collection in which some documents are replaced or added. */
async function digestWith(
  collection: Collection<ReadModelDocument>,
  replaced: ReadonlyMap<string, ReadModelDocument>,
): Promise<string> {
  const hash = createHash('sha256');
  const inOrder = [...replaced.values()].sort((one, other) => (one._id < other._id ? -1 : 1));
  for await (const [one, other] of pairs(documentsInOrder(collection), inOrder)) {
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
