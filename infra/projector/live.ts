import { headers, type NatsConnection } from '@nats-io/nats-core';
import { type Position, positionOf, type StreamName } from '@stratum/contracts/envelope.ts';
import { liveSubject } from '@stratum/contracts/subjects.ts';
import { z } from 'zod';
import type { ProjectedStream, ReadModelDocument } from './projection.ts';

/** Header of every live message: the position of the last event in the document; a client resumes from the newest it has seen. */
export const LIVE_POSITION_HEADER = 'Stratum-Position';

/** A document larger than this is not announced; whoever wants it asks for it. */
const LIVE_BYTES_MAX = 512 * 1024;
const PROGRESS_PREFIX = 'projector.progress.';
const BEGUN_PREFIX = 'projector.begun.';
const HURRY_PREFIX = 'projector.hurry.';

/** What announcements are made with. */
export type Announcer = Pick<NatsConnection, 'publish'>;

/** How far a read model has got; `collection` is the one it speaks of, which queries may not be served from yet. */
export type Progress = { name: string; collection: string; position: number };
const progressSchema = z.object({ collection: z.string(), position: z.number().int() });
const hurrySchema = z.coerce.number().int().min(0);

/**
 * Announces documents on core NATS: subject `live.<name>.<id>`, body the document as JSON. Nobody need listen, and
 * nothing is kept. `stream` is what their `_position` counts in.
 */
export function announceDocuments(
  nc: Announcer,
  { name, stream }: { name: string; stream: StreamName },
  documents: readonly ReadModelDocument[],
): void {
  for (const document of documents) {
    const body = JSON.stringify(document);
    if (body.length > LIVE_BYTES_MAX) continue;
    const position: Position = positionOf(stream, document._position);
    const head = headers();
    head.set(LIVE_POSITION_HEADER, position);
    nc.publish(liveSubject(name, document._id), body, { headers: head });
  }
}

/** Says how far a read model has got, so that queries that wait for it need not ask the database. */
export function announceProgress(nc: Announcer, { name, collection, position }: Progress): void {
  nc.publish(PROGRESS_PREFIX + name, JSON.stringify({ collection, position }));
}

/** Hears of every read model's progress until the connection ends or `unsubscribe` is called. What is not understood is ignored. */
export function onProgress(nc: NatsConnection, heard: (progress: Progress) => void): { unsubscribe(): void } {
  return nc.subscribe(`${PROGRESS_PREFIX}*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const progress = progressSchema.safeParse(parsedJson(message.string()));
      if (progress.success) heard({ name: message.subject.slice(PROGRESS_PREFIX.length), ...progress.data });
    },
  });
}

/**
 * Says that the projections of a stream begin from their checkpoints. What was written but not announced before that (the
 * projector died in between) is announced by nobody: whoever must not miss it asks the read models now.
 */
export function announceBegun(nc: Announcer, stream: ProjectedStream): void {
  nc.publish(BEGUN_PREFIX + stream);
}

/** Hears of projections that begin, until the connection ends or `unsubscribe` is called. */
export function onBegun(nc: NatsConnection, heard: () => void): { unsubscribe(): void } {
  return nc.subscribe(`${BEGUN_PREFIX}*`, {
    callback: (error) => {
      if (error === null) heard();
    },
  });
}

/** Asks the projector not to let a read model rest before it holds `sequence`. */
export function hurry(nc: NatsConnection, name: string, sequence: number): void {
  nc.publish(HURRY_PREFIX + name, String(sequence));
}

/** Hears of queries that wait. What is not understood is ignored. */
export function onHurry(nc: NatsConnection, heard: (name: string, sequence: number) => void): { unsubscribe(): void } {
  return nc.subscribe(`${HURRY_PREFIX}*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const sequence = hurrySchema.safeParse(message.string());
      if (sequence.success) heard(message.subject.slice(HURRY_PREFIX.length), sequence.data);
    },
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
