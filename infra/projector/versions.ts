import { type Collection, type Db, MongoBulkWriteError } from 'mongodb';
import type { AnyProjection, ReadModelDocument } from './projection.ts';

/** Of a model of PLANT, documents are kept as they were after every so many events; a question about the past folds fewer. */
export const SNAPSHOT_EVERY = 500;
/** Versions per request to the database. */
const VERSIONS_PER_REQUEST_MAX = 1_000;
const DUPLICATE_KEY = 11_000;
const FORGET_EVERY_MS = 3_600_000;
/** Digits of a sequence up to 2^53, so that the versions of a document sort by it as text. */
const SEQUENCE_DIGITS = 16;
/** A version that outlives 2^20 snapshots is found by several names of the largest size. */
const LEVEL_MAX = 20;

/**
 * A document as it was until an event changed it. Lives in `<collection>_versions`; the document's own `_position` says
 * from where on. Everything about it follows from the log, so that writing it again changes nothing.
 */
export type Version = {
  /** `<key>@<position>`. */
  _id: string;
  /** `_id` of the document. */
  key: string;
  /** Sequence of the event that changed the document: it was so before that. */
  until: number;
  /** By which the snapshots are found in which the document was so: see `nodesOver`. */
  nodes: string[];
  document: ReadModelDocument;
};

/** The collection of a read model's former documents. */
export function versionsNameOf(collection: string): string {
  return `${collection}_versions`;
}

/** Every how many events the documents of a model are kept; 0 where a rule of its own says when. */
export function snapshotEveryOf({ past, snapshotEvery = SNAPSHOT_EVERY }: AnyProjection): number {
  return past === undefined ? snapshotEvery : 0;
}

/** A document that another is about to replace, if it has to be kept: it belongs to a snapshot, or its period is over. */
export function supersededBy(
  projection: AnyProjection,
  before: ReadModelDocument,
  after: ReadModelDocument,
): Version | undefined {
  const until = after._position;
  const { past } = projection;
  if (past !== undefined) {
    return past.period(before) === past.period(after) ? undefined : versionOf(before, until, []);
  }
  const every = snapshotEveryOf(projection);
  const first = Math.ceil(before._position / every);
  const end = Math.ceil(until / every);
  return first < end ? versionOf(before, until, nodesOver(first, end)) : undefined;
}

/** The `_id` of the version of a document that begins at a sequence; sorts by both. */
export function versionId(key: string, sequence: number): string {
  return `${key}@${String(sequence).padStart(SEQUENCE_DIGITS, '0')}`;
}

function versionOf(document: ReadModelDocument, until: number, nodes: string[]): Version {
  return { _id: versionId(document._id, document._position), key: document._id, until, nodes, document };
}

/**
 * Names for the snapshots `first` ≤ n < `end`: as few aligned runs of 1, 2, 4, 8, … snapshots as make them up (at most two of
 * each size). A snapshot is in exactly one run of each size, so what belongs to it is found by equality alone, however long
 * ago and for however long a document was as it was. Two comparisons would find half of all versions, and then go through them.
 */
export function nodesOver(first: number, end: number): string[] {
  const nodes: string[] = [];
  for (let at = first; at < end; ) {
    let level = 0;
    while (level < LEVEL_MAX && at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level += 1;
    nodes.push(nodeOf(level, at));
    at += 2 ** level;
  }
  return nodes;
}

/** The runs that hold a snapshot, one of each size. */
export function nodesAt(snapshot: number): string[] {
  return Array.from({ length: LEVEL_MAX + 1 }, (_, level) => nodeOf(level, snapshot));
}

function nodeOf(level: number, snapshot: number): string {
  return `${level}:${Math.floor(snapshot / 2 ** level)}`;
}

/** Former documents of one read model. */
export type Versions = {
  /** Writes versions, some of which may be there already. Must be done before what replaces them is written. */
  write(versions: readonly Version[]): Promise<void>;
};

/**
 * Opens the former documents of a collection, with the indexes that questions need. Those that ended before what is left of
 * the log are forgotten once an hour: `firstLeft` says where it begins now.
 */
export async function openVersions(
  database: Db,
  projection: AnyProjection,
  { collection, firstLeft }: { collection: string; firstLeft: () => Promise<number> },
): Promise<Versions> {
  const versions = database.collection<Version>(versionsNameOf(collection));
  const mayAge = projection.past !== undefined;
  await versions.createIndex(mayAge ? { until: 1 } : { nodes: 1 });
  let forgottenMs = Number.NEGATIVE_INFINITY;
  return {
    async write(all) {
      for (let start = 0; start < all.length; start += VERSIONS_PER_REQUEST_MAX) {
        await insertMissing(versions, all.slice(start, start + VERSIONS_PER_REQUEST_MAX));
      }
      if (!mayAge || performance.now() - forgottenMs < FORGET_EVERY_MS) return;
      forgottenMs = performance.now();
      await versions.deleteMany({ until: { $lt: await firstLeft() } });
    },
  };
}

/** A version that is there is the same: it was written by a program that died, or that does the same work. */
async function insertMissing(collection: Collection<Version>, versions: Version[]): Promise<void> {
  try {
    await collection.insertMany(versions, { ordered: false });
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const isKnown = [error.writeErrors].flat().every(({ code }) => code === DUPLICATE_KEY);
    if (!isKnown || error.code !== DUPLICATE_KEY) throw error;
  }
}
