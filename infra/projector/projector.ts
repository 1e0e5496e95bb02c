import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Db } from 'mongodb';
import { onStatus } from '../event-store/connection-status.ts';
import { type RawMessage, readStream } from '../event-store/reader.ts';
import type { Logger } from '../log.ts';
import { type Builder, openBuilder } from './builder.ts';
import { decodeAll } from './decode.ts';
import { factsFrom } from './facts.ts';
import { announceBegun, onHurry } from './live.ts';
import type { AnyProjection, ProjectedStream } from './projection.ts';

/** Events folded together: large enough that a thousand changes of one document cost one write. */
const BATCH_MAX = 2_000;
const RESTART_MS_FIRST = 250;
const RESTART_MS_MAX = 5_000;
/** After running this long, the next trouble counts as the first. */
const SETTLED_MS = 30_000;

/** What a projector works with. */
export type ProjectorDeps = { nc: NatsConnection; database: Db; logger: Logger };

/** A running projector. */
export type Projector = {
  /** Resolves when every projection has its checkpoint and reading has begun. */
  ready: Promise<void>;
  /** Resolves when the signal has aborted and everything folded is written. */
  stopped: Promise<void>;
};

/**
 * Folds the logs into read models, for as long as the signal lets it. One reader per stream feeds all projections of
 * it. Whatever goes wrong outside (database or server gone, another projector at work) is met by starting again from
 * the checkpoints, at most 5 s later; an event that cannot be folded stops its projection alone.
 */
export function runProjector({
  projections,
  signal,
  ...deps
}: ProjectorDeps & { projections: readonly AnyProjection[]; signal: AbortSignal }): Projector {
  const names = projections.map((projection) => projection.name);
  assert(new Set(names).size === names.length, `two projections have the same name: ${names.join(', ')}`);
  const streams = [...new Set(projections.map((projection) => projection.stream))];
  const runs = streams.map((stream) => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const its = projections.filter((projection) => projection.stream === stream);
    return { opened, ended: runStream(stream, its, deps, signal, open) };
  });
  return {
    ready: Promise.all(runs.map((run) => run.opened)).then(() => undefined),
    stopped: Promise.all(runs.map((run) => run.ended)).then(() => undefined),
  };
}

async function runStream(
  stream: ProjectedStream,
  projections: readonly AnyProjection[],
  deps: ProjectorDeps,
  signal: AbortSignal,
  onOpen: () => void,
): Promise<void> {
  const stopped = new Set<string>();
  for (let troubles = 0; !signal.aborted; troubles++) {
    const startedMs = performance.now();
    try {
      const running = projections.filter((projection) => !stopped.has(projection.name));
      if (running.length === 0) return;
      await runOnce(stream, running, deps, signal, stopped, onOpen);
    } catch (error) {
      if (performance.now() - startedMs > SETTLED_MS) troubles = 0;
      const waitMs = Math.min(RESTART_MS_MAX, RESTART_MS_FIRST * 2 ** troubles);
      deps.logger.warn({ stream, waitMs, error: String(error) }, `projections of ${stream} start again`);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Runs from the checkpoints until the signal aborts. Throws the first trouble, after everything has come to rest. */
async function runOnce(
  stream: ProjectedStream,
  projections: readonly AnyProjection[],
  deps: ProjectorDeps,
  signal: AbortSignal,
  stopped: Set<string>,
  onOpen: () => void,
): Promise<void> {
  const { nc, database, logger } = deps;
  const holder = `${hostname()}/${process.pid}`;
  const builders: Builder[] = [];
  for (const projection of projections) {
    builders.push(await openBuilder(projection, { nc, database, logger, holder, askFacts: factsFrom(nc) }));
  }
  const [created, ...others] = new Set(builders.map((builder) => builder.streamCreated));
  if (others.length > 0) throw new Error(`${stream} was created anew just now`);
  const from = Math.min(...builders.map((builder) => builder.position)) + 1;
  deps.logger.info({ stream, from, projections: builders.length }, `folding ${stream}`);

  const trouble = new AbortController();
  const endWriting = new AbortController();
  const hurries = onHurry(deps.nc, (name, sequence) =>
    builders.find((builder) => builder.name === name)?.hurry(sequence),
  );
  const reading = readStream(deps.nc, {
    stream,
    from,
    ...(created === undefined ? {} : { created }),
    signal: AbortSignal.any([signal, trouble.signal]),
    batchMax: BATCH_MAX,
    onBatch: (messages) => takeBatch(builders, messages, stopped),
    onTrouble: (error) => deps.logger.warn({ stream, error: error.message }, `${stream} cannot be read just now`),
  });
  const writing = builders.map((builder) => builder.keepWriting(endWriting.signal));
  const { promise: away, reject } = Promise.withResolvers<never>();
  const stopWatching = onStatus(nc, ({ type }) => {
    if (type === 'reconnect') reject(new Error('the server was away; it may have come back with another log'));
  });
  announceBegun(deps.nc, stream);
  onOpen();
  try {
    await Promise.race([reading, away, ...writing]);
  } finally {
    trouble.abort();
    await Promise.allSettled([reading]);
    endWriting.abort();
    hurries.unsubscribe();
    stopWatching();
    await Promise.allSettled(writing);
  }
  await Promise.all(writing);
}

async function takeBatch(builders: readonly Builder[], messages: RawMessage[], stopped: Set<string>): Promise<void> {
  const batch = decodeAll(messages);
  const { poison } = batch;
  await allOrFirstError(builders.map((builder) => builder.take(batch)));
  if (poison !== undefined) {
    await allOrFirstError(builders.map((builder) => builder.stop(poison.sequence, poison.error)));
  }
  for (const builder of builders) if (builder.isStopped) stopped.add(builder.name);
}

/** Waits until all are settled, so that none works on in the background, and then throws the first error, if any. */
async function allOrFirstError(promises: Promise<void>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}
