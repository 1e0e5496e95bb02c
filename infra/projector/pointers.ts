import type { Collection, Db } from 'mongodb';
import { type AskFacts, type Checkpoint, checkpointsIn, reasonToRebuild } from './checkpoints.ts';

/** Which version of a read model is served. Lives in collection `read_models`; `_id` is the name. */
export type Pointer = { _id: string; version: number; collection: string };

/** A newer version that has given no sign of life for this long is not coming back by itself. */
const SILENT_MS_MAX = 10_000;

/** Whether the documents of one checkpoint are what queries see. */
export type Serving = {
  readonly isServed: boolean;
  /**
   * Serves them if that takes no query back in time: they hold what is served now, up to where it is served. An older
   * version never replaces a newer one that is alive. Answers whether they are served from now on.
   */
  serveWhenComplete(checkpoint: Checkpoint): Promise<boolean>;
};

/** All pointers of a database. */
export function pointersIn(database: Db): Collection<Pointer> {
  return database.collection<Pointer>('read_models');
}

/**
 * Serves the documents of a checkpoint at once if nothing else could be: there is no other version. Another version goes
 * on being served until this one holds all that it holds.
 */
export async function openServing(
  database: Db,
  { name, version, collection }: Checkpoint,
  askFacts: AskFacts,
): Promise<Serving> {
  const pointers = pointersIn(database);
  const first = await pointers.findOne({ _id: name });
  let isServed = first === null || first.version === version ? await point(first) : false;
  let rival: { updatedAt: string; seenMs: number } | undefined;

  return {
    get isServed() {
      return isServed;
    },
    async serveWhenComplete(checkpoint) {
      if (isServed) return true;
      const pointer = await pointers.findOne({ _id: name });
      if (pointer !== null && !(await mayReplace(pointer, checkpoint))) return false;
      isServed = await point(pointer);
      return isServed;
    },
  };

  async function mayReplace(pointer: Pointer, { position, streamCreated }: Checkpoint): Promise<boolean> {
    const served = await checkpointsIn(database).findOne({ name, collection: pointer.collection });
    if (served === null) return true;
    if (pointer.version > version && !isSilent(served)) return false;
    if (served.streamCreated === streamCreated && served.position <= position) return true;
    // Asked after the checkpoint, which may be moving.
    return reasonToRebuild(served, await askFacts(served.witness?.sequence)) !== undefined;
  }

  /** By this process's own clock: only that the sign of life changes counts, not what it says. */
  function isSilent({ updatedAt }: Checkpoint): boolean {
    if (rival?.updatedAt !== updatedAt) rival = { updatedAt, seenMs: performance.now() };
    return performance.now() - rival.seenMs > SILENT_MS_MAX;
  }

  /** Moves the pointer from where it was seen, unless somebody has moved it meanwhile. */
  async function point(seen: Pointer | null): Promise<boolean> {
    const target = { version, collection };
    if (seen === null) {
      const { upsertedCount } = await pointers.updateOne({ _id: name }, { $setOnInsert: target }, { upsert: true });
      return upsertedCount === 1;
    }
    const { matchedCount } = await pointers.replaceOne(seen, target);
    return matchedCount === 1;
  }
}
