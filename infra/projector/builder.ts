import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from 'mongodb';
import type { Logger } from '../log.ts';
import {
  type AskFacts,
  advanceCheckpoint,
  type Checkpoint,
  openCheckpoint,
  SecondWriter,
  type Skipped,
  type Witness,
} from './checkpoints.ts';
import { stopAt } from './dead-letters.ts';
import type { DecodedBatch } from './decode.ts';
import { documentsIn, dropCollection } from './documents.ts';
import { type Announcer, announceDocuments, announceProgress } from './live.ts';
import { openModel, PoisonEvent } from './model.ts';
import { restAfterWriteMs } from './pacing.ts';
import { openServing } from './pointers.ts';
import type { AnyProjection, ProjectedStream, ReadModelDocument } from './projection.ts';
import { openVersions, versionsNameOf } from './versions.ts';

/** With so many changed documents folding waits until they are written: what is in memory is bounded. */
const CHANGED_MAX = 50_000;
/** How often a builder looks whether something is due. */
const LOOK_EVERY_MS = 50;
/** A checkpoint moves over events that change nothing this often. */
const CHECKPOINT_EVERY_MS = 1_000;
/** A checkpoint is signed this often even when there is nothing new. */
const ALIVE_EVERY_MS = 2_000;
/** So many types of events that are left out are counted apart. */
const SKIPPED_TYPES_MAX = 100;
/** A read model that a query waits for is written this often. */
const HURRIED_EVERY_MS = 100;

/**
 * What a builder works with. `holder` names this process in its checkpoints; `isLed` tells whether it is still the one to
 * build this read model; `askFacts` asks the server about a stream.
 */
export type BuilderDeps = {
  nc: Announcer;
  database: Db;
  logger: Logger;
  holder: string;
  isLed: () => boolean;
  askFacts: (stream: ProjectedStream, ...asked: Parameters<AskFacts>) => ReturnType<AskFacts>;
};

/** Builds one read model: folds what it is given, writes it when it is time, and keeps the checkpoint. */
export type Builder = {
  readonly name: string;
  /** When the stream was created that it reads. */
  readonly streamCreated: string;
  /** The next event it wants is behind this sequence. */
  readonly position: number;
  readonly isStopped: boolean;
  /**
   * Folds a batch, whose own `poison` it leaves to `stop`; an event that it cannot fold stops the builder.
   * @throws SecondWriter, and what the database throws
   */
  take(batch: DecodedBatch): Promise<void>;
  /** Writes what is due until the signal aborts, then all that is left. @throws as `take` */
  keepWriting(signal: AbortSignal): Promise<void>;
  /** A query waits for this sequence, and says so again while it waits. */
  hurry(sequence: number): void;
  /** Stands still before the event at `sequence`, with a dead letter. */
  stop(sequence: number, error: unknown): Promise<void>;
};

/** Opens a read model at its checkpoint, or at the beginning of another log. @throws SecondWriter */
export async function openBuilder(projection: AnyProjection, deps: BuilderDeps): Promise<Builder> {
  const { nc, database, logger, holder, isLed } = deps;
  const { name, stream } = projection;
  const askFacts: AskFacts = (witness) => deps.askFacts(stream, witness);
  const opened = await openCheckpoint(database, projection, holder, askFacts);
  let checkpoint: Checkpoint = opened.checkpoint;
  const { facts, givenUp } = opened;
  if (givenUp !== undefined) logger.error({ projection: name }, `${givenUp.reason}; ${name} is rebuilt from its start`);
  if (facts.first > checkpoint.position + 1) {
    const missing = { projection: name, from: checkpoint.position + 1, first: facts.first };
    logger.warn(missing, `${stream} begins later than ${name} would go on: what lay between has aged out`);
  }
  const collection = database.collection<ReadModelDocument>(checkpoint.collection);
  for (const fields of projection.indexes ?? []) {
    await collection.createIndex(Object.fromEntries(fields.map((field) => [field, 1])));
  }
  const serving = await openServing(database, checkpoint, askFacts);
  if (givenUp !== undefined) {
    await dropCollection(database, givenUp.collection);
    await dropCollection(database, versionsNameOf(givenUp.collection));
  }
  const firstLeft = async () => (await askFacts()).first;
  const versions = await openVersions(database, projection, { collection: checkpoint.collection, firstLeft });

  const documents = documentsIn(collection);
  const model = openModel(projection, documents, checkpoint.position);
  const announce = projection.announce ?? 'written';
  const writeEveryMs = projection.writeEverySeconds === undefined ? 0 : projection.writeEverySeconds * 1000;
  const skippedCounts = new Map<string, number>();
  let newest: Witness | null = checkpoint.witness ?? null;
  let writtenAtMs = performance.now();
  let writing: Promise<void> | undefined;
  let signedAtMs = writtenAtMs;
  let restsUntilMs = 0;
  let wake = new AbortController();
  let hurriedTo = 0;
  let announcedPosition = -1;
  let isStopped = false;

  return {
    name,
    streamCreated: facts.created,
    get position() {
      return model.position;
    },
    get isStopped() {
      return isStopped;
    },
    async take({ events, upTo, recordedAt, skipped }) {
      if (isStopped || upTo <= model.position) return;
      try {
        const touched = await model.fold(events, upTo);
        newest = { sequence: upTo, recordedAt };
        for (const type of skipped) countSkipped(type);
        if (announce === 'folded') announceServed(touched);
        if (Math.max(model.changedCount, model.versionCount) >= CHANGED_MAX) await write(0);
        else if (writeEveryMs > 0) wakeWriter(touched);
        else if (model.isDue(touched, 0)) await write(0);
        announceReached();
      } catch (error) {
        if (!(error instanceof PoisonEvent)) throw error;
        await stop(error.event.recorded.sequence, error);
      }
    },
    async keepWriting(signal) {
      while (!signal.aborted) {
        await sleep(LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([signal, wake.signal]) }).catch(
          () => undefined,
        );
        const isWoken = wake.signal.aborted;
        if (isWoken) wake = new AbortController();
        if (isStopped) continue;
        if (isResting() && !isAwaited()) {
          if (performance.now() - signedAtMs >= ALIVE_EVERY_MS) await sign();
          continue;
        }
        if (isWoken || performance.now() - writtenAtMs >= restMs()) await write(isAwaited() ? 0 : writeEveryMs);
      }
      const isLeft = model.changedCount > 0 || model.position > checkpoint.position;
      if (!isStopped && isLeft && isLed()) await write(0);
    },
    hurry(sequence) {
      // What is not folded yet may never come, and must not stand in the way of those who wait for what is; they ask again.
      if (sequence <= model.position) hurriedTo = Math.max(hurriedTo, sequence);
    },
    stop,
  };

  /** Has the writer write at once what is due. Folding goes on meanwhile: what is live does not wait for the database. */
  function wakeWriter(touched: readonly ReadModelDocument[]): void {
    if (!isResting() && model.isDue(touched, writeEveryMs)) wake.abort();
  }

  /** Whether the last write took so long that the machine is left to others now. */
  function isResting(): boolean {
    return performance.now() < restsUntilMs;
  }

  /** A sign of life while there is a rest. */
  function sign(): Promise<void> {
    return alone(async () => {
      signedAtMs = performance.now();
      checkpoint = await advanceCheckpoint(database, checkpoint, checkpoint.position);
    });
  }

  /** How long this builder may rest after a write, given what has come since. */
  function restMs(): number {
    if (model.position === checkpoint.position) return ALIVE_EVERY_MS;
    return isAwaited() ? HURRIED_EVERY_MS : CHECKPOINT_EVERY_MS;
  }

  /** Whether a query waits for a position that is folded and not yet in the database. */
  function isAwaited(): boolean {
    return hurriedTo > checkpoint.position;
  }

  /**
   * Writes the changed documents that were not written for `restMs`, one write at a time; who comes meanwhile waits and
   * then writes what is new. The checkpoint moves to before the oldest change that is still unwritten.
   */
  function write(restMs: number): Promise<void> {
    return alone(() => writeNow(restMs));
  }

  async function alone(task: () => Promise<void>): Promise<void> {
    while (writing !== undefined) await writing;
    writing = task().finally(() => {
      writing = undefined;
    });
    await writing;
  }

  async function writeNow(restMs: number): Promise<void> {
    // The guards below refuse what is late in any case; this spares the one who leads now the trouble.
    if (!isLed()) throw new SecondWriter(name);
    writtenAtMs = performance.now();
    const unwritten = model.unwritten(restMs);
    const seen = { witness: newest, skipped: skippedSoFar() };
    const { changes } = unwritten;
    // Before what replaces them, so that a question about the past finds either the one or the other.
    if (unwritten.versions.length > 0) await versions.write(unwritten.versions);
    if (changes.length > 0) await documents.write(changes);
    model.written(unwritten);
    checkpoint = await advanceCheckpoint(database, checkpoint, unwritten.position, seen);
    const hasCaughtUp = !serving.isServed && checkpoint.position >= facts.last;
    signedAtMs = performance.now();
    if (hasCaughtUp && (await serving.serveWhenComplete(checkpoint))) {
      logger.info({ projection: name, version: checkpoint.version }, `${name} has caught up and is served now`);
    }
    // Who keeps up writes after every batch; only what is written seldom anyway may wait.
    if (writeEveryMs > 0) restsUntilMs = performance.now() + restAfterWriteMs(performance.now() - writtenAtMs);
    if (announce === 'written') announceServed(changes.map((change) => change.document));
    announceReached();
  }

  function countSkipped(type: string): void {
    const name = skippedCounts.has(type) || skippedCounts.size < SKIPPED_TYPES_MAX ? type : 'others';
    skippedCounts.set(name, (skippedCounts.get(name) ?? 0) + 1);
  }

  function skippedSoFar(): Skipped[] {
    return [...skippedCounts].map(([type, count]) => ({ type, count }));
  }

  async function stop(sequence: number, error: unknown): Promise<void> {
    if (isStopped) return;
    await write(0);
    isStopped = true;
    await stopAt(database, checkpoint, sequence, error);
    logger.error({ projection: name, sequence, error: String(error) }, `${name} is stopped by an event it cannot fold`);
  }

  function announceServed(changed: readonly ReadModelDocument[]): void {
    if (serving.isServed) announceDocuments(nc, checkpoint, changed);
  }

  /** Positions over which nothing is left to write are reached, even where the checkpoint is not yet there. */
  function announceReached(): void {
    const position = model.changedCount === 0 ? model.position : checkpoint.position;
    if (position === announcedPosition) return;
    announcedPosition = position;
    announceProgress(nc, { name, collection: checkpoint.collection, position });
  }
}
