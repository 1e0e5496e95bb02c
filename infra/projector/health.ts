import type { NatsConnection } from '@nats-io/nats-core';
import type { HealthView } from '@stratum/contracts/http.ts';
import type { Db } from 'mongodb';
import { lastSequence } from '../event-store/reader.ts';
import { type Checkpoint, checkpointsIn } from './checkpoints.ts';
import { pointersIn } from './pointers.ts';
import type { ProjectedStream } from './projection.ts';

/** A checkpoint not signed for this long has no living projector. */
const SILENT_MS_MAX = 10_000;

type ProjectionHealth = HealthView['projections'][number];

/**
 * How far every projection is behind its log, and whether it runs. A version that is being built beside the served one is
 * listed as `<name>_v<version>`; given-up ones are not. `reachedOf` is what was announced, ahead of the checkpoint.
 */
export async function healthOfProjections(
  database: Db,
  nc: NatsConnection,
  reachedOf: (name: string) => number,
): Promise<ProjectionHealth[]> {
  const [pointers, checkpoints] = await Promise.all([
    pointersIn(database).find().toArray(),
    checkpointsIn(database).find().sort({ _id: 1 }).toArray(),
  ]);
  const streams = [...new Set(checkpoints.map((checkpoint) => checkpoint.stream))];
  const lasts = new Map<ProjectedStream, number>();
  for (const stream of streams) lasts.set(stream, (await lastSequence(nc, stream)).last);
  const nowMs = Date.now();
  return checkpoints.flatMap((checkpoint) => {
    const isServed = pointers.some((pointer) => pointer.collection === checkpoint.collection);
    const isAlive = isAliveAt(nowMs, checkpoint);
    if (!isServed && !isAlive) return [];
    const position = Math.max(checkpoint.position, isServed ? reachedOf(checkpoint.name) : 0);
    const last = Math.max(lasts.get(checkpoint.stream) ?? 0, position);
    const name = isServed ? checkpoint.name : checkpoint._id;
    const next = checkpoints.find((one) => one.name === checkpoint.name && one.version > checkpoint.version);
    const successor = next !== undefined && isAliveAt(nowMs, next) ? next : undefined;
    const { holder, skipped = [] } = checkpoint;
    return [
      {
        name,
        position,
        last,
        lag: last - position,
        ...statusOf(checkpoint, isAlive, successor),
        ...(holder === undefined ? {} : { ledBy: holder }),
        ...(skipped.length === 0 ? {} : { skipped: [...skipped] }),
      },
    ];
  });
}

function isAliveAt(nowMs: number, { updatedAt }: Checkpoint): boolean {
  return nowMs - Date.parse(updatedAt) <= SILENT_MS_MAX;
}

function statusOf(
  { version, stopped, updatedAt }: Checkpoint,
  isAlive: boolean,
  successor: Checkpoint | undefined,
): Pick<ProjectionHealth, 'status' | 'error'> {
  if (stopped !== null) return { status: 'stopped', error: `at ${stopped.position}: ${stopped.error}` };
  if (isAlive) return { status: 'running' };
  if (successor === undefined) {
    return { status: 'stopped', error: `the projector has given no sign of life since ${updatedAt}` };
  }
  const { version: next, position } = successor;
  const still = `version ${version} is served as it was at ${updatedAt}, because no program that knows it runs`;
  return { status: 'stopped', error: `${still}; version ${next} is being built and is at ${position}` };
}
