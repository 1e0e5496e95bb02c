import type { Db } from 'mongodb';
import { type Checkpoint, changeCheckpoint } from './checkpoints.ts';

const ERROR_CHARACTERS_MAX = 4_000;

/** An event that a projection could not fold, for whoever repairs the fold. `_id` is `<name>_v<version>:<sequence>`. */
export type DeadLetter = {
  _id: string;
  projection: string;
  version: number;
  /** `PLANT:1234` */
  position: string;
  error: string;
  recordedAt: string;
};

/**
 * Writes the dead letter of the event at `sequence` and marks the projection as stopped before it, for all to see.
 * @throws SecondWriter when another projector has taken over
 */
export async function stopAt(database: Db, checkpoint: Checkpoint, sequence: number, error: unknown): Promise<void> {
  const text = (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, ERROR_CHARACTERS_MAX);
  const letter: Omit<DeadLetter, '_id'> = {
    projection: checkpoint.name,
    version: checkpoint.version,
    position: `${checkpoint.stream}:${sequence}`,
    error: text,
    recordedAt: new Date().toISOString(),
  };
  const id = `${checkpoint._id}:${sequence}`;
  await database.collection<DeadLetter>('dead_letters').replaceOne({ _id: id }, letter, { upsert: true });
  const message = error instanceof Error ? error.message : String(error);
  const stopped = { position: sequence, error: message.slice(0, ERROR_CHARACTERS_MAX) };
  await changeCheckpoint(database, checkpoint, { stopped });
}
