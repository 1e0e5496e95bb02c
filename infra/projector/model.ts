import type { Change, Documents } from './documents.ts';
import { type AnyProjection, foldOnce, type ProjectedEvent, type ReadModelDocument } from './projection.ts';
import { supersededBy, type Version } from './versions.ts';

/**
 * Documents in use are kept in memory, so that they need not be loaded: so many per read model, each for so long after its
 * last change. Those not yet written are kept in any case.
 */
const DOCUMENTS_KEPT_MAX = 20_000;
const KEPT_MS_MAX = 600_000;
const NEVER_MS = Number.NEGATIVE_INFINITY;

/** An event that could not be folded. The documents hold everything before it and nothing of it. */
export class PoisonEvent extends Error {
  readonly event: ProjectedEvent;

  constructor(event: ProjectedEvent, cause: unknown) {
    super(`${event.type} at ${event.recorded.position}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = 'PoisonEvent';
    this.event = event;
  }
}

/**
 * Documents to write, the position that the database holds completely once they are written, and what they are folded to.
 * `versions` are former documents to keep, to be written before `changes`.
 */
export type Unwritten = { changes: Change[]; versions: Version[]; position: number; foldedTo: number };

/**
 * One read model in memory, between its log and its database: events go in, changed documents come out. It knows which
 * documents differ from the database and up to where everything is folded; when to write is decided by its caller.
 */
export type Model = {
  /** Everything up to this sequence is folded. */
  readonly position: number;
  /** How many documents differ from the database. */
  readonly changedCount: number;
  /** How many former documents are to be kept and not yet written. */
  readonly versionCount: number;
  /**
   * Folds a batch, in order, that ends at sequence `upTo`; events already folded are skipped. Loads what documents it
   * needs. Answers the documents that changed. @throws PoisonEvent
   */
  fold(events: readonly ProjectedEvent[], upTo: number): Promise<ReadModelDocument[]>;
  /** Whether one of these documents, just folded, was not written for `restMs` and so should not wait longer. */
  isDue(documents: readonly ReadModelDocument[], restMs: number): boolean;
  /** Takes the changed documents that were not written for `restMs` (0: all). They count as changed until `written`. */
  unwritten(restMs?: number): Unwritten;
  /** The database has taken what `unwritten` gave. */
  written(unwritten: Unwritten): void;
};

/** `changedFrom`: sequence of the first event folded in since it was written last. */
type Kept = {
  document: ReadModelDocument;
  storedPosition: number | undefined;
  changedMs: number;
  writtenMs: number;
  changedFrom: number | undefined;
};

/**
 * A read model that goes on after sequence `position`. Former documents are kept until they are written; whoever writes none
 * says so, or they would fill the memory.
 */
export function openModel(
  projection: AnyProjection,
  documents: Documents,
  position: number,
  { keepsFormer }: { keepsFormer: boolean } = { keepsFormer: true },
): Model {
  const kept = new Map<string, Kept>();
  const changed = new Set<string>();
  const superseded: Version[] = [];
  let foldedTo = position;

  return {
    get position() {
      return foldedTo;
    },
    get changedCount() {
      return changed.size;
    },
    get versionCount() {
      return superseded.length;
    },
    async fold(events, upTo) {
      const news = events.filter((event) => event.recorded.sequence > foldedTo);
      const work = news.map((event) => ({ event, ...keysOf(projection, event) }));
      await load(work.flatMap(({ keys }) => keys));
      const touched = new Set<string>();
      for (const { event, keys, error } of work) {
        if (error !== undefined) throw new PoisonEvent(event, error);
        foldEvent(event, keys, touched);
        foldedTo = event.recorded.sequence;
      }
      foldedTo = Math.max(foldedTo, upTo);
      forgetOldest();
      return [...touched].flatMap((key) => kept.get(key)?.document ?? []);
    },
    isDue(documents, restMs) {
      const restedSinceMs = performance.now() - restMs;
      return documents.some(({ _id }) => (kept.get(_id)?.writtenMs ?? NEVER_MS) <= restedSinceMs);
    },
    unwritten(restMs = 0) {
      const restedSinceMs = performance.now() - restMs;
      const changes: Change[] = [];
      let position = foldedTo;
      for (const key of changed) {
        const known = kept.get(key);
        if (known === undefined) continue;
        const { document, storedPosition, writtenMs, changedFrom = document._position } = known;
        if (writtenMs <= restedSinceMs) changes.push({ document, storedPosition });
        else position = Math.min(position, changedFrom - 1);
      }
      return { changes, versions: [...superseded], position, foldedTo };
    },
    written({ changes, versions, foldedTo: writtenTo }) {
      superseded.splice(0, versions.length);
      for (const { document } of changes) {
        const known = kept.get(document._id);
        if (known === undefined) continue;
        known.storedPosition = document._position;
        known.writtenMs = performance.now();
        known.changedFrom = undefined;
        if (known.document._position === document._position) changed.delete(document._id);
        else known.changedFrom = writtenTo + 1;
      }
    },
  };

  async function load(keys: readonly string[]): Promise<void> {
    const missing = [...new Set(keys)].filter((key) => !kept.has(key));
    if (missing.length === 0) return;
    for (const document of await documents.load(missing)) {
      kept.set(document._id, {
        document,
        storedPosition: document._position,
        changedMs: performance.now(),
        writtenMs: NEVER_MS,
        changedFrom: undefined,
      });
    }
  }

  /** All documents of an event change together or, when a fold throws, none does. */
  function foldEvent(event: ProjectedEvent, keys: readonly string[], touched: Set<string>): void {
    const after = keys.map((key) => ({ key, document: foldOrThrow(event, key) }));
    for (const { key, document } of after) {
      const known = kept.get(key);
      if (document === undefined || document === known?.document) continue;
      const version = keepsFormer && known ? supersededBy(projection, known.document, document) : undefined;
      if (version !== undefined) superseded.push(version);
      kept.delete(key);
      kept.set(key, {
        document,
        storedPosition: known?.storedPosition,
        changedMs: performance.now(),
        writtenMs: known?.writtenMs ?? NEVER_MS,
        changedFrom: known?.changedFrom ?? event.recorded.sequence,
      });
      changed.add(key);
      touched.add(key);
    }
  }

  function foldOrThrow(event: ProjectedEvent, key: string): ReadModelDocument | undefined {
    try {
      return foldOnce(projection, kept.get(key)?.document, event, key);
    } catch (error) {
      throw new PoisonEvent(event, error);
    }
  }

  /** The map keeps the order of last change, so the first are those longest unchanged. */
  function forgetOldest(): void {
    const oldestMs = performance.now() - KEPT_MS_MAX;
    for (const [key, { changedMs }] of kept) {
      if (kept.size <= DOCUMENTS_KEPT_MAX && changedMs >= oldestMs) return;
      if (!changed.has(key)) kept.delete(key);
    }
  }
}

function keysOf(projection: AnyProjection, event: ProjectedEvent): { keys: string[]; error?: unknown } {
  try {
    return { keys: [...new Set(projection.keys(event))] };
  } catch (error) {
    return { keys: [], error };
  }
}
