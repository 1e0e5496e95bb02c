import type { Collection, Db } from 'mongodb';
import type { Checkpoint } from './checkpoints.ts';

/** Which version of a read model is served. Lives in collection `read_models`; `_id` is the name. */
export type Pointer = { _id: string; version: number; collection: string };

/** All pointers of a database. */
export function pointersIn(database: Db): Collection<Pointer> {
  return database.collection<Pointer>('read_models');
}

/** Lets queries see the collection of a checkpoint from now on. */
export async function serve(database: Db, { name, version, collection }: Checkpoint): Promise<void> {
  await pointersIn(database).replaceOne({ _id: name }, { version, collection }, { upsert: true });
}

/**
 * Whether a read model that begins to be built is served at once. Yes, if nothing else could be: there is no other
 * version. Another version goes on being served until this one has caught up.
 */
export async function isServedAtOnce(database: Db, { name, version }: Checkpoint): Promise<boolean> {
  const pointer = await pointersIn(database).findOne({ _id: name });
  return pointer === null || pointer.version === version;
}
