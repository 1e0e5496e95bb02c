import type { Instant } from '@stratum/contracts/envelope.ts';
import type { ProjectedEvent } from '@stratum/contracts/recorded.ts';

export type { ProjectedEvent };

/** What every document of a read model has: its key, and the sequence of the last event folded into it. */
export type ReadModelDocument = { _id: string; _position: number };

/** What a fold answers: the document without its position, which only the projector stamps. */
export type Folded<D extends ReadModelDocument> = Omit<D, '_position'>;

/** The streams that read models are folded from. */
export type ProjectedStream = 'PLANT' | 'TELEMETRY';

/**
 * A read model as a pure function of a log.
 *
 * `keys` names the documents that an event touches (`[]`: it is ignored). `fold` answers the document after the event,
 * the same object if the event changes nothing, or `undefined` if there is still no document. A document is never
 * deleted, because a replay would bring it back: give it a status instead. Both must be pure: what throws is a poison
 * event and stops the projection. The same events fold to the same documents, twice equals once, in any batches.
 */
export type Projection<D extends ReadModelDocument> = {
  /** The name queries use, in snake_case: `twin_state`. */
  name: string;
  /** Raised whenever the fold or the document changes meaning: the new version is built beside the old one. */
  version: number;
  stream: ProjectedStream;
  keys(event: ProjectedEvent): string[];
  fold(document: D | undefined, event: ProjectedEvent, key: string): Folded<D> | undefined;
  /**
   * Write changed documents at most this often instead of after every batch; for models that change with every
   * reading. The checkpoint waits with them. Absent: written after every batch.
   */
  writeEverySeconds?: number;
  /**
   * When a changed document is announced on `live.<name>.<id>`: `written` (default) after the database took it,
   * `folded` before that, `never`.
   */
  announce?: 'written' | 'folded' | 'never';
  /** Ascending secondary indexes, one list of field names each. Lists that are read all the time are `_id` ranges and need none. */
  indexes?: readonly (readonly string[])[];
  /** Documents are kept as they were after every so many events of PLANT, for questions about the past; 500 if left out. */
  snapshotEvery?: number;
  /**
   * What no document exceeds that was there at a sequence, recorded at that instant, in a field by which lists are ordered. It
   * spares questions about the past a walk over all that came since; the answer is the same without it.
   */
  bornBy?(sequence: number, recordedAt: Instant): { field: string; atMost: string | number };
  /** How documents of the past are folded again where the log is too long to keep them all every so many events. */
  past?: Past<D>;
};

/**
 * Of a model of TELEMETRY a document depends on the messages of one subject alone, so a former one is folded from the last
 * that was kept, or from where its messages begin, with these alone. What is in between bounds the work.
 */
export type Past<D extends ReadModelDocument> = {
  /** The last token of the only subject whose messages change the document. */
  subject(key: string): string;
  /** Nothing that was recorded before this instant changes the document. Absent: its messages may be as old as the log. */
  since?(key: string): Instant;
  /** A document is kept when it is replaced by one of another period. */
  period(document: D): string | number;
};

/** Any projection, for code that does not look inside the documents. */
export type AnyProjection = Projection<ReadModelDocument>;

/** `<name>_v<version>`: the collection of a projection's documents and the `_id` of its checkpoint. */
export function collectionNameOf(projection: { name: string; version: number }): string {
  return `${projection.name}_v${projection.version}`;
}

/**
 * The document after one event, stamped with the event's sequence. An event that the document already holds changes
 * nothing, which is what makes a replayed batch harmless.
 */
export function foldOnce(
  projection: AnyProjection,
  document: ReadModelDocument | undefined,
  event: ProjectedEvent,
  key: string,
): ReadModelDocument | undefined {
  const sequence = event.recorded.sequence;
  if (document !== undefined && document._position >= sequence) return document;
  const folded = projection.fold(document, event, key);
  if (folded === undefined || folded === document) return document;
  return { ...folded, _id: key, _position: sequence };
}
