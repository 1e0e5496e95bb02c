import { createHash } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import { all } from '../../projections/all.ts';
import { lastSequence, readStream } from '../event-store/reader.ts';
import { decodeAll } from '../projector/decode.ts';
import { canonicalJson } from '../projector/digest.ts';
import type { ProjectedEvent, ProjectedStream, ReadModelDocument } from '../projector/projection.ts';

/** Documents of a read model by `_id`. */
export type Documents = Map<string, ReadModelDocument>;

/** What a read model is folded by. */
export type Foldable = {
  keys(event: ProjectedEvent): string[];
  fold(document: ReadModelDocument | undefined, event: ProjectedEvent, key: string): object | undefined;
};

const BATCH_MAX = 2_000;
const FOLD_MS_MAX = 300_000;

/**
 * Folds both logs from their first event to their last, in memory, one event after the other: no projector, no checkpoint,
 * no database and no batch has a say in it.
 * @returns the documents of every read model, by its name
 * @throws Error when an event cannot be read, or it takes longer than five minutes
 */
export async function foldLogs(nc: NatsConnection): Promise<Map<string, Documents>> {
  const folded = new Map(all.map(({ name }) => [name, new Map()] as [string, Documents]));
  for (const stream of ['PLANT', 'TELEMETRY'] as const) {
    const projections = all.filter((projection) => projection.stream === stream);
    await eachEvent(nc, stream, (event) => {
      for (const projection of projections) foldInto(folded.get(projection.name) ?? new Map(), projection, event);
    });
  }
  return folded;
}

/** Folds one event into the documents it touches. */
export function foldInto(documents: Documents, { keys, fold }: Foldable, event: ProjectedEvent): void {
  for (const key of keys(event)) {
    const before = documents.get(key);
    const after = fold(before, event, key);
    if (after === undefined || after === before) continue;
    documents.set(key, { ...after, _id: key, _position: event.recorded.sequence });
  }
}

/** SHA-256 (hex) of documents as a database of the same documents has it. */
export function digestOfFolded(documents: Documents): string {
  const hash = createHash('sha256');
  for (const document of inOrder(documents)) hash.update(`${canonicalJson(document)}\n`);
  return hash.digest('hex');
}

function inOrder(documents: Documents): ReadModelDocument[] {
  return [...documents.values()].sort((one, other) => (one._id < other._id ? -1 : 1));
}

async function eachEvent(
  nc: NatsConnection,
  stream: ProjectedStream,
  onEvent: (event: ProjectedEvent) => void,
): Promise<void> {
  const { last } = await lastSequence(nc, stream);
  const finished = new AbortController();
  const late = AbortSignal.timeout(FOLD_MS_MAX);
  if (last === 0) return;
  await readStream(nc, {
    stream,
    from: 1,
    batchMax: BATCH_MAX,
    signal: AbortSignal.any([finished.signal, late]),
    onBatch: async (messages) => {
      const { events, upTo, poison } = decodeAll(messages);
      if (poison !== undefined) throw poison.error;
      for (const event of events) onEvent(event);
      if (upTo >= last) finished.abort();
    },
  });
  if (late.aborted) throw new Error(`${stream} was not folded within ${FOLD_MS_MAX / 1000} s`);
}
