import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { isOvertaken, isUndecided, LogLost } from './errors.ts';
import type { StreamBounds } from './reader.ts';
import { bucket } from './streams.ts';
import { backoffMs, waitMs } from './wait.ts';

/** Tries per checkpoint when another process writes it at the same moment. */
const ATTEMPTS_MAX = 10;

const checkpointSchema = z.object({ sequence: z.number().int().min(0), created: z.string() });

/** How far a reactor has come: all up to `sequence` is done, in the stream made at `created`. */
export type Checkpoint = z.infer<typeof checkpointSchema>;

/** Reads the checkpoint of a reactor; `undefined` if it never ran. @throws ZodError when something else is stored there */
export async function readCheckpoint(nc: NatsConnection, name: string): Promise<Checkpoint | undefined> {
  return getCheckpoint(await bucket(nc, 'checkpoints'), name);
}

/** As `readCheckpoint`, from a bucket that is open already. */
export async function getCheckpoint(checkpoints: KV, name: string): Promise<Checkpoint | undefined> {
  const entry = await checkpoints.get(name);
  return entry === null || entry.operation !== 'PUT' ? undefined : checkpointSchema.parse(entry.json());
}

/**
 * Stores a checkpoint, unless one as far on is stored already: a reactor that was told too late that another took over
 * cannot set that one back.
 * @throws JetStreamApiError, and what the client throws while NATS is away
 */
export async function putCheckpoint(checkpoints: KV, name: string, checkpoint: Checkpoint): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const entry = await checkpoints.get(name);
    if (entry?.operation === 'PUT' && !isFurther(checkpoint, checkpointSchema.parse(entry.json()))) return;
    try {
      await checkpoints.put(name, JSON.stringify(checkpoint), { previousSeq: entry?.revision ?? 0 });
      return;
    } catch (error) {
      const isWorthATry = isOvertaken(error) || isUndecided(error);
      if (!isWorthATry || attempt === ATTEMPTS_MAX) throw error;
      if (isUndecided(error)) await waitMs(backoffMs(attempt));
    }
  }
}

/** A stream that was made later is another one, whose numbers begin anew. */
function isFurther(checkpoint: Checkpoint, stored: Checkpoint): boolean {
  if (checkpoint.created === stored.created) return checkpoint.sequence > stored.sequence;
  return Date.parse(checkpoint.created) > Date.parse(stored.created);
}

/**
 * Where a reader goes on from: the sequence of its checkpoint, 0 without one.
 * @throws LogLost when the checkpoint speaks of more than the stream has, or of another stream
 */
export function resumeFrom(name: string, checkpoint: Checkpoint | undefined, { last, created }: StreamBounds): number {
  if (checkpoint === undefined) return 0;
  if (checkpoint.created === created && checkpoint.sequence <= last) return checkpoint.sequence;
  throw new LogLost(
    `${name} had read the stream created at ${checkpoint.created} up to ${checkpoint.sequence}, but the server's was ` +
      `created at ${created} and ends at ${last}: the log was lost. Restore it, or delete the checkpoint to begin anew`,
  );
}
