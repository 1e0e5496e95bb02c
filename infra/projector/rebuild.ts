import type { NatsConnection } from '@nats-io/nats-core';
import type { Collection, Db } from 'mongodb';
import { lastSequence, readStream } from '../event-store/reader.ts';
import { type Checkpoint, checkpointsIn, reasonToRebuild } from './checkpoints.ts';
import { type Comparison, compare } from './compare.ts';
import { decodeAll } from './decode.ts';
import { documentsIn, dropCollection } from './documents.ts';
import { type Model, openModel } from './model.ts';
import { pointersIn } from './pointers.ts';
import type { AnyProjection, ProjectedStream, ReadModelDocument } from './projection.ts';

/** Where a rebuilt collection is put: `rebuild_orders_v1` beside `orders_v1`. */
const PREFIX = 'rebuild_';
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

/** How far the reading of a stream is: sequences. */
export type RebuildProgress = { stream: ProjectedStream; position: number; last: number };

/** What a rebuild needs. `onProgress` is called after every batch of at most 2,000 events. */
export type RebuildOptions = {
  projections: readonly AnyProjection[];
  nc: NatsConnection;
  database: Db;
  signal: AbortSignal;
  onProgress: (progress: RebuildProgress) => void;
};

/** One read model's comparison. `hasAgedOut`: its log no longer begins at 1, so that a difference may be due to that alone. */
export type Rebuilt = Comparison & { name: string; hasAgedOut: boolean };

/**
 * Folds the logs from their beginning into collections beside those being served and compares the two, while the
 * projector goes on with its work. Equal collections are dropped again, differing ones stay for inspection.
 * @throws CannotCompare, PoisonEvent, and what the database throws
 */
export async function rebuildAndCompare(options: RebuildOptions): Promise<Rebuilt[]> {
  const streams = [...new Set(options.projections.map((projection) => projection.stream))];
  const rebuilt: Rebuilt[] = [];
  for (const stream of streams) rebuilt.push(...(await rebuildStream(stream, options)));
  return rebuilt;
}

type Rebuilding = {
  projection: AnyProjection;
  /** What is being served, up to the position that is rebuilt. */
  live: Checkpoint;
  collection: Collection<ReadModelDocument>;
  model: Model;
};

async function rebuildStream(stream: ProjectedStream, options: RebuildOptions): Promise<Rebuilt[]> {
  const { nc, database, signal } = options;
  const projections = options.projections.filter((projection) => projection.stream === stream);
  const served = await Promise.all(projections.map((projection) => servedCheckpoint(database, projection)));
  // Asked after the checkpoints, which go on moving: they are of a log that is at least as long.
  const facts = await lastSequence(nc, stream);
  const rebuildings: Rebuilding[] = [];
  for (const { projection, live } of served) {
    const reason = reasonToRebuild(live, facts);
    if (reason !== undefined) throw new CannotCompare(`${reason}; let the projector rebuild it first`);
    const collection = database.collection<ReadModelDocument>(PREFIX + live.collection);
    await dropCollection(database, collection.collectionName);
    rebuildings.push({ projection, live, collection, model: openModel(projection, documentsIn(collection), 0) });
  }
  const end = Math.min(facts.last, Math.max(...rebuildings.map(({ live }) => live.position)));
  if (end > 0 && end >= facts.first) await foldAgain(stream, rebuildings, end, options);

  const results: Rebuilt[] = [];
  for (const { projection, live, collection } of rebuildings) {
    signal.throwIfAborted();
    const { position } = live;
    const its = database.collection<ReadModelDocument>(live.collection);
    const comparison = await compare({ nc, projection, served: its, rebuilt: collection, position, signal });
    if (comparison.differing.length === 0) await dropCollection(database, collection.collectionName);
    results.push({ name: projection.name, hasAgedOut: facts.first > 1, ...comparison });
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
      onProgress({ stream, position: upTo, last: end });
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
