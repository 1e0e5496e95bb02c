import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { bucket } from './streams.ts';

const checkpointSchema = z.object({ sequence: z.number().int().min(0), created: z.string() });

/** How far a reactor has come: all up to `sequence` is done, in the stream made at `created`. */
export type Checkpoint = z.infer<typeof checkpointSchema>;

/** Reads the checkpoint of a reactor; `undefined` if it never ran. @throws ZodError when something else is stored there */
export async function readCheckpoint(nc: NatsConnection, name: string): Promise<Checkpoint | undefined> {
  return readFrom(await bucket(nc, 'checkpoints'), name);
}

/** As `readCheckpoint`, from a bucket that is open already. */
export async function readFrom(checkpoints: KV, name: string): Promise<Checkpoint | undefined> {
  const entry = await checkpoints.get(name);
  return entry === null || entry.operation !== 'PUT' ? undefined : checkpointSchema.parse(entry.json());
}

/** Stores a checkpoint; of two workers the later write wins, which at worst repeats what repeats without effect. */
export async function writeTo(checkpoints: KV, name: string, checkpoint: Checkpoint): Promise<void> {
  await checkpoints.put(name, JSON.stringify(checkpoint));
}

/**
 * Follows which messages of an ordered stream are finished, when several are under way at once: `reached` is the highest
 * sequence up to which all are.
 */
export class Progress {
  #reached: number;
  #seen: number;
  readonly #underWay = new Set<number>();

  constructor(reached: number) {
    this.#reached = reached;
    this.#seen = reached;
  }

  get reached(): number {
    return this.#reached;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** A message was taken on; sequences must grow. */
  begin(sequence: number): void {
    this.#seen = sequence;
    this.#underWay.add(sequence);
  }

  /** It is done. A set keeps the order of insertion, so its first is the oldest under way. */
  finish(sequence: number): void {
    this.#underWay.delete(sequence);
    const [oldest] = this.#underWay;
    this.#reached = oldest === undefined ? this.#seen : oldest - 1;
  }
}
