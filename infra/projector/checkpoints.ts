import type { Collection, Db, Filter } from 'mongodb';
import { type AnyProjection, collectionNameOf, type ProjectedStream } from './projection.ts';
import { snapshotEveryOf, versionsNameOf } from './versions.ts';

/** How far a projection has got. Lives in collection `checkpoints`; `_id` is `<name>_v<version>`. */
export type Checkpoint = {
  _id: string;
  name: string;
  version: number;
  stream: ProjectedStream;
  /** The collection that holds the documents; another one after each rebuild. */
  collection: string;
  /** Everything up to this sequence is in the documents. */
  position: number;
  /** When the stream that was read was created: a stream created anew is another log, whatever its sequences. */
  streamCreated: string;
  /**
   * The newest message folded when the checkpoint was written, and when the broker recorded it: a log that has another
   * message there is not the one that was read. `null` before the first; missing where nobody took note of it.
   */
  witness?: Witness | null;
  /** When building began, UTC. */
  startedAt: string;
  /** Sign of life of the projector, UTC. */
  updatedAt: string;
  /**
   * How often the checkpoint was opened, from 1: its fencing term. Whoever opens it raises the term, and whoever opened it
   * before can move it no more, however late it wakes up.
   */
  term: number;
  /** The process that opened it last. */
  holder: string;
  /** Events of types that this process does not know and left out since it opened the checkpoint. */
  skipped?: readonly Skipped[];
  /** Set when an event could not be folded: the projection stands still before it until the program is started anew. */
  stopped: { position: number; error: string } | null;
  /**
   * Every how many events former documents are kept (`versions.ts`; 0: by the projection's own rule), and the term in which
   * that was so last: an older program, which knows nothing of them, raises the term alone. Missing: never.
   */
  snapshots?: { every: number; term: number };
};

/** How many events of a type. */
export type Skipped = { type: string; count: number };

/** A message of a log by its sequence and the broker's time. */
export type Witness = { sequence: number; recordedAt: string };

/**
 * What is asked of a stream before its reading begins. Times are the server's, sequences inclusive. `witnessed`: when the
 * message at the sequence asked for was recorded; missing if there is none or nobody asked.
 */
export type StreamFacts = { first: number; last: number; created: string; witnessed?: string | undefined };

/** Asks the server about a stream, and when its message at `witness` was recorded. */
export type AskFacts = (witness?: number) => Promise<StreamFacts>;

/** One and the same time of the broker reaches us by two ways, one of which may round it. */
const SAME_TIME_MS = 1;

/** Another projector wrote what this one was about to write, or has taken over. Start again from the checkpoint; never merge. */
export class SecondWriter extends Error {
  constructor(what: string) {
    super(`${what} was written by another projector`);
    this.name = 'SecondWriter';
  }
}

/** Why a read model has to be folded again from the start of its log, as a sentence; `undefined` if it has not. */
export function reasonToRebuild(checkpoint: Checkpoint, facts: StreamFacts): string | undefined {
  const { stream, position, streamCreated, witness } = checkpoint;
  const newest = Math.max(position, witness?.sequence ?? 0);
  if (streamCreated !== facts.created) {
    return `${stream} was created anew at ${facts.created}; the read model is of the one created at ${streamCreated}`;
  }
  if (newest > facts.last) {
    return `${stream} ends at ${facts.last} but was read up to ${newest}: the log was cut off or restored`;
  }
  const { witnessed } = facts;
  if (witness && witnessed !== undefined && !isSameTime(witness.recordedAt, witnessed)) {
    return (
      `${stream}:${witness.sequence} is of ${witnessed} but was read as of ${witness.recordedAt}: ` +
      'the log was cut off or restored, and has grown since'
    );
  }
  return undefined;
}

function isSameTime(one: string, other: string): boolean {
  return Math.abs(Date.parse(one) - Date.parse(other)) <= SAME_TIME_MS;
}

/** All checkpoints of a database. */
export function checkpointsIn(database: Db): Collection<Checkpoint> {
  return database.collection<Checkpoint>('checkpoints');
}

/**
 * The checkpoint to go on from and the log as it was then; `givenUp` is the former checkpoint's collection and why it had to
 * be replaced, where that is so.
 */
export type OpenedCheckpoint = {
  checkpoint: Checkpoint;
  facts: StreamFacts;
  givenUp?: { collection: string; reason: string };
};

/**
 * Opens the checkpoint of a projection for `holder` and shuts out whoever had opened it before. Where there is none, or it
 * belongs to another log than the one there is, it is a new one at 0 with a collection of its own.
 * @throws SecondWriter when another projector does the same at this moment
 */
export async function openCheckpoint(
  database: Db,
  projection: AnyProjection,
  holder: string,
  askFacts: AskFacts,
): Promise<OpenedCheckpoint> {
  const checkpoints = checkpointsIn(database);
  const id = collectionNameOf(projection);
  const known = await checkpoints.findOne({ _id: id });
  // Asked in this order: read after the facts, the checkpoint of another projector at work could be ahead of them.
  const facts = await askFacts(known?.witness?.sequence);
  const every = snapshotEveryOf(projection);
  const reason = known === null ? undefined : (reasonToRebuild(known, facts) ?? versionsMissing(known, every));
  const updatedAt = new Date().toISOString();
  // A checkpoint written before there were terms has none.
  const term = (known?.term ?? 0) + 1;
  if (known !== null && reason === undefined) {
    const opening = { term, holder, updatedAt, skipped: [], stopped: null, snapshots: { every, term } };
    const { matchedCount } = await checkpoints.updateOne(asLeft(known), { $set: opening });
    if (matchedCount === 0) throw new SecondWriter(`the checkpoint ${id}`);
    return { checkpoint: { ...known, ...opening }, facts };
  }
  const { name, version, stream } = projection;
  const collection = await freshCollectionName(database, id, known?.collection);
  const fresh: Checkpoint = {
    _id: id,
    name,
    version,
    stream,
    collection,
    position: 0,
    streamCreated: facts.created,
    witness: null,
    startedAt: updatedAt,
    updatedAt,
    term,
    holder,
    stopped: null,
    snapshots: { every, term },
  };
  if (known === null) {
    await insertNew(checkpoints, fresh);
    return { checkpoint: fresh, facts };
  }
  const { matchedCount } = await checkpoints.replaceOne(asLeft(known), fresh);
  if (matchedCount === 0) throw new SecondWriter(`the checkpoint ${id}`);
  return { checkpoint: fresh, facts, givenUp: { collection: known.collection, reason: reason ?? '' } };
}

/**
 * Moves a checkpoint on, if it still is as this projector left it, and signs it as alive.
 * @throws SecondWriter when it is not
 */
export async function advanceCheckpoint(
  database: Db,
  checkpoint: Checkpoint,
  position: number,
  seen: Pick<Checkpoint, 'witness' | 'skipped'> = {},
): Promise<Checkpoint> {
  return changeCheckpoint(database, checkpoint, { ...seen, position, updatedAt: new Date().toISOString() });
}

/** Changes a checkpoint, if it still is as this projector left it. @throws SecondWriter when it is not */
export async function changeCheckpoint(
  database: Db,
  checkpoint: Checkpoint,
  change: Partial<Pick<Checkpoint, 'position' | 'witness' | 'skipped' | 'updatedAt' | 'stopped'>>,
): Promise<Checkpoint> {
  const { matchedCount } = await checkpointsIn(database).updateOne(asLeft(checkpoint), { $set: change });
  if (matchedCount === 0) throw new SecondWriter(`the checkpoint ${checkpoint._id}`);
  return { ...checkpoint, ...change };
}

/** Finds a checkpoint that nobody else has opened or moved. The term says it all, unless somebody dropped the database. */
function asLeft({ _id, term, position, collection }: Checkpoint) {
  // `null` finds a missing field too.
  return { _id, term: term ?? null, position, collection } as Filter<Checkpoint>;
}

async function insertNew(checkpoints: Collection<Checkpoint>, fresh: Checkpoint): Promise<void> {
  const { upsertedCount } = await checkpoints.updateOne({ _id: fresh._id }, { $setOnInsert: fresh }, { upsert: true });
  if (upsertedCount === 0) throw new SecondWriter(`the checkpoint ${fresh._id}`);
}

/**
 * Why the documents of the past cannot be trusted to be there, as a sentence. Those of TELEMETRY (`every` 0) only spare folding:
 * a question does without, whereas documents begun anew would lose what they hold of readings that have aged out.
 */
function versionsMissing({ term, snapshots }: Checkpoint, every: number): string | undefined {
  if (every === 0) return undefined;
  if (snapshots === undefined) return 'its former documents were not kept';
  if (snapshots.term !== term) return 'its former documents were not kept by the program that wrote it last';
  return snapshots.every === every ? undefined : 'its former documents were kept otherwise';
}

/**
 * `orders_v1`, or the first of `orders_v1_2`, `orders_v1_3`, … behind the one given up that is not there yet. A name is not
 * used again: whoever still writes to what was given up must not reach what came after it.
 */
async function freshCollectionName(database: Db, name: string, givenUp?: string): Promise<string> {
  const collections = await database.listCollections({}, { nameOnly: true }).toArray();
  const taken = new Set(collections.map((collection) => collection.name));
  const before = givenUp === undefined ? 0 : Number(givenUp.slice(name.length + 1) || 1);
  for (let generation = before + 1; ; generation++) {
    const candidate = generation === 1 ? name : `${name}_${generation}`;
    if (!taken.has(candidate) && !taken.has(versionsNameOf(candidate))) return candidate;
  }
}
