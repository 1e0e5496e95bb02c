import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Compared } from '@stratum/contracts/rebuild.ts';
import type { Collection, Db } from 'mongodb';
import { lastSequence, readStream } from '../event-store/reader.ts';
import { type Checkpoint, checkpointsIn, reasonToRebuild } from './checkpoints.ts';
import { compare } from './compare.ts';
import { decodeAll } from './decode.ts';
import { documentsIn, dropCollection } from './documents.ts';
import { type Model, openModel } from './model.ts';
import { pointersIn } from './pointers.ts';
import type { AnyProjection, ProjectedStream, ReadModelDocument } from './projection.ts';

/** Where a rebuilt collection is put: `rebuild_1a2b3c4d_orders_v1` beside `orders_v1`, with a mark of its own for each rebuild. */
const PREFIX = 'rebuild_';
const MARK_LENGTH = 8;
const BATCH_MAX = 2_000;
/** Changed documents are written when there are so many, and at the end. */
const CHANGED_MAX = 5_000;

/** A read model cannot be rebuilt and compared now; the message says why. */
export class CannotCompare extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CannotCompare';
  }
}

/**
 * How far a rebuild is: a stream is read up to `position` of `last` (sequences), so many documents of a read model are
 * compared, or one is done.
 */
export type RebuildProgress =
  | { step: 'read'; stream: ProjectedStream; position: number; last: number }
  | { step: 'compare'; name: string; documents: number }
  | { step: 'compared'; compared: Compared };

/** What a rebuild needs. `onProgress` is called after every batch of at most 2,000 events and every 500 documents. */
export type RebuildOptions = {
  projections: readonly AnyProjection[];
  nc: NatsConnection;
  database: Db;
  signal: AbortSignal;
  onProgress: (progress: RebuildProgress) => void;
};

/**
 * Folds the logs from their beginning into collections beside those being served and compares the two, while the
 * projector goes on with its work. Equal collections are dropped again, differing ones stay for inspection until the next
 * rebuild. Only one should run at a time (`beginRebuild` sees to that): it drops what is left of others.
 * @throws CannotCompare, PoisonEvent, the signal's reason, and what the database throws
 */
export async function rebuildAndCompare(options: RebuildOptions): Promise<Compared[]> {
  const { database, projections } = options;
  await dropRebuilt(database, PREFIX);
  const prefix = `${PREFIX}${randomUUID().slice(0, MARK_LENGTH)}_`;
  const streams = [...new Set(projections.map((projection) => projection.stream))];
  const compared: Compared[] = [];
  try {
    for (const stream of streams) compared.push(...(await rebuildStream(stream, prefix, options)));
  } catch (error) {
    await dropRebuilt(database, prefix).catch(() => undefined);
    throw error;
  }
  return compared;
}

type Rebuilding = {
  projection: AnyProjection;
  /** What is being served, up to the position that is rebuilt. */
  live: Checkpoint;
  collection: Collection<ReadModelDocument>;
  model: Model;
};

async function rebuildStream(stream: ProjectedStream, prefix: string, options: RebuildOptions): Promise<Compared[]> {
  const { nc, database, signal, onProgress } = options;
  const projections = options.projections.filter((projection) => projection.stream === stream);
  const served = await Promise.all(projections.map((projection) => servedCheckpoint(database, projection)));
  // Asked after the checkpoints, which go on moving: they are of a log that is at least as long.
  const facts = await lastSequence(nc, stream);
  const rebuildings: Rebuilding[] = [];
  for (const { projection, live } of served) {
    const reason = reasonToRebuild(live, facts);
    if (reason !== undefined) throw new CannotCompare(`${reason}; let the projector rebuild it first`);
    const collection = database.collection<ReadModelDocument>(prefix + live.collection);
    const model = openModel(projection, documentsIn(collection), 0, { keepsFormer: false });
    rebuildings.push({ projection, live, collection, model });
  }
  const end = Math.min(facts.last, Math.max(...rebuildings.map(({ live }) => live.position)));
  if (end > 0 && end >= facts.first) await foldAgain(stream, rebuildings, end, options);

  const results: Compared[] = [];
  for (const { projection, live, collection } of rebuildings) {
    signal.throwIfAborted();
    const { position } = live;
    const { name } = projection;
    const served = database.collection<ReadModelDocument>(live.collection);
    const onDocuments = (documents: number) => onProgress({ step: 'compare', name, documents });
    onDocuments(0);
    const comparison = await compare({ nc, projection, served, rebuilt: collection, position, signal, onDocuments });
    const isEqual = comparison.differenceCount === 0;
    if (isEqual) await dropCollection(database, collection.collectionName);
    const rebuiltCollection = isEqual ? null : collection.collectionName;
    const compared = { name, ...comparison, hasAgedOut: facts.first > 1, rebuiltCollection };
    results.push(compared);
    onProgress({ step: 'compared', compared });
  }
  return results;
}

/** Reads the stream up to `end` once for all, until each holds exactly what its served checkpoint says. */
async function foldAgain(
  stream: ProjectedStream,
  rebuildings: readonly Rebuilding[],
  end: number,
  { nc, signal, onProgress }: RebuildOptions,
): Promise<void> {
  const finished = new AbortController();
  await readStream(nc, {
    stream,
    from: 1,
    signal: AbortSignal.any([signal, finished.signal]),
    batchMax: BATCH_MAX,
    onBatch: async (messages) => {
      const { events, upTo, poison } = decodeAll(messages.filter((message) => message.sequence <= end));
      if (poison !== undefined) throw poison.error;
      const isLast = messages.some((message) => message.sequence >= end);
      for (const { live, collection, model } of rebuildings) {
        const its = events.filter((event) => event.recorded.sequence <= live.position);
        await model.fold(its, Math.min(upTo, live.position));
        if (isLast || model.changedCount >= CHANGED_MAX) await writeAll(model, collection);
      }
      onProgress({ step: 'read', stream, position: upTo, last: end });
      if (isLast) finished.abort();
    },
  });
  signal.throwIfAborted();
}

async function writeAll(model: Model, collection: Collection<ReadModelDocument>): Promise<void> {
  const unwritten = model.unwritten();
  if (unwritten.changes.length > 0) await documentsIn(collection).write(unwritten.changes);
  model.written(unwritten);
}

/** Drops what rebuilds left whose collections begin with the prefix. */
async function dropRebuilt(database: Db, prefix: string): Promise<void> {
  const collections = await database.listCollections({}, { nameOnly: true }).toArray();
  for (const { name } of collections) if (name.startsWith(prefix)) await dropCollection(database, name);
}

type Served = Pick<Rebuilding, 'projection' | 'live'>;

async function servedCheckpoint(database: Db, projection: AnyProjection): Promise<Served> {
  const { name, version } = projection;
  const pointer = await pointersIn(database).findOne({ _id: name });
  if (pointer === null) throw new CannotCompare(`${name} is not there yet: is the projector running?`);
  if (pointer.version !== version) {
    throw new CannotCompare(`${name} is served in version ${pointer.version}, this program knows version ${version}`);
  }
  const checkpoint = await checkpointsIn(database).findOne({ name, collection: pointer.collection });
  if (checkpoint === null) throw new CannotCompare(`${name} has no checkpoint: is the projector running?`);
  return { projection, live: checkpoint };
}
