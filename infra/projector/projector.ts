import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Db } from 'mongodb';
import { onStatus } from '../event-store/connection-status.ts';
import type { Lease } from '../event-store/lease.ts';
import { type RawMessage, readStream } from '../event-store/reader.ts';
import type { PartHealth, PartsHealth } from '../health.ts';
import type { Logger } from '../log.ts';
import { type Builder, openBuilder } from './builder.ts';
import { decodeAll } from './decode.ts';
import { factsFrom } from './facts.ts';
import { aborted, holder, type Leadership, type Led, standForElection } from './leadership.ts';
import { announceBegun, onHurry } from './live.ts';
import type { AnyProjection, ProjectedStream } from './projection.ts';

/** Events folded together: large enough that a thousand changes of one document cost one write. */
const BATCH_MAX = 2_000;
const RESTART_MS_FIRST = 250;
const RESTART_MS_MAX = 5_000;
/** After running this long, the next trouble counts as the first. */
const SETTLED_MS = 30_000;
/** Who leads nothing after this long stands by. */
const STANDBY_AFTER_MS = 1_000;

/** What a projector works with. */
export type ProjectorDeps = { nc: NatsConnection; database: Db; logger: Logger };

/** A running projector. */
export type Projector = {
  /** Resolves when every projection has its checkpoint and reading has begun, or another process is at that. */
  ready: Promise<void>;
  /** How the building from each stream is: whether this process leads any of it, and how far it is; for `answerHealth`. */
  health(): PartsHealth;
  /** Resolves when the signal has aborted and everything folded is written. */
  stopped: Promise<void>;
};

/** The projections of one stream: one reader feeds them all. */
type Run = {
  stream: ProjectedStream;
  leadership: Leadership;
  builders: readonly Builder[];
  /** Stopped by an event that could not be folded, in the time of this lease. */
  stopped: Map<string, Lease>;
  signal: AbortSignal;
  deps: ProjectorDeps;
};

/**
 * Folds the logs into read models, for as long as the signal lets it. Each version of each projection is built by one
 * process, whose place another takes when it is gone. Whatever goes wrong outside (database or server gone, lease lost) is
 * met by starting again from the checkpoints, at most 5 s later; an event that cannot be folded stops its projection alone.
 */
export function runProjector({
  projections,
  signal,
  ...deps
}: ProjectorDeps & { projections: readonly AnyProjection[]; signal: AbortSignal }): Projector {
  const names = projections.map((projection) => projection.name);
  assert(new Set(names).size === names.length, `two projections have the same name: ${names.join(', ')}`);
  const runs = [...new Set(projections.map((projection) => projection.stream))].map((stream) => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const its = projections.filter((projection) => projection.stream === stream);
    const database = deps.database.databaseName;
    const leadership = standForElection(deps.nc, { database, projections: its, signal, logger: deps.logger });
    const run: Run = { stream, leadership, builders: [], stopped: new Map(), signal, deps };
    return { run, begun: openedOrStandby(opened, leadership), ended: keepRunning(run, open) };
  });
  return {
    ready: Promise.all(runs.map(({ begun }) => begun)).then(() => undefined),
    health: () => Object.fromEntries(runs.map(({ run }) => [`projections/${run.stream}`, healthOf(run)])),
    stopped: Promise.all(runs.map(({ ended }) => ended)).then(() => undefined),
  };
}

async function openedOrStandby(opened: Promise<void>, leadership: Leadership): Promise<void> {
  await Promise.race([opened, sleep(STANDBY_AFTER_MS, undefined, { ref: false })]);
  if (leadership.ledIds.length > 0) await opened;
}

function healthOf({ leadership, builders }: Run): PartHealth {
  if (leadership.ledIds.length === 0) return { status: 'ok', role: 'standby' };
  const position = Math.min(...builders.map((builder) => builder.position));
  return { status: 'ok', role: 'leader', position: Number.isFinite(position) ? position : 0 };
}

/** Builds what this process leads, from the checkpoints, again whenever that changes or something goes wrong. */
async function keepRunning(run: Run, onOpen: () => void): Promise<void> {
  const { stream, leadership, signal, deps } = run;
  for (let troubles = 0; ; troubles++) {
    const led = await leadership.led();
    if (led === undefined) break;
    const startedMs = performance.now();
    try {
      await runOnce(run, led, onOpen);
      troubles = -1;
    } catch (error) {
      if (performance.now() - startedMs > SETTLED_MS) troubles = 0;
      const waitMs = Math.min(RESTART_MS_MAX, RESTART_MS_FIRST * 2 ** troubles);
      deps.logger.warn({ stream, waitMs, error: String(error) }, `projections of ${stream} start again`);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  await leadership.release();
}

/**
 * Runs until the signal aborts or other projections are led. Throws the first trouble, after everything has come to rest.
 */
async function runOnce(run: Run, { leases, changed }: Led, onOpen: () => void): Promise<void> {
  const { stream, deps, stopped } = run;
  const { nc, logger } = deps;
  const signal = AbortSignal.any([run.signal, changed]);
  const running = [...leases].filter(([projection, lease]) => stopped.get(projection.name) !== lease);
  const led = await allOrFirstError(
    running.map(async ([projection, lease]) => {
      const isLed = () => lease.isHeld();
      return { lease, builder: await openBuilder(projection, { ...deps, holder, isLed, askFacts: factsFrom(nc) }) };
    }),
  );
  const builders = led.map(({ builder }) => builder);
  run.builders = builders;
  if (builders.length === 0) return aborted(signal);
  const [created, ...others] = new Set(builders.map((builder) => builder.streamCreated));
  if (others.length > 0) throw new Error(`${stream} was created anew just now`);
  const from = Math.min(...builders.map((builder) => builder.position)) + 1;
  logger.info({ stream, from, projections: builders.length }, `folding ${stream}`);

  const trouble = new AbortController();
  const endWriting = new AbortController();
  const hurries = onHurry(nc, (name, sequence) => builders.find((builder) => builder.name === name)?.hurry(sequence));
  const reading = readStream(nc, {
    stream,
    from,
    ...(created === undefined ? {} : { created }),
    signal: AbortSignal.any([signal, trouble.signal]),
    batchMax: BATCH_MAX,
    onBatch: async (messages) => {
      await takeBatch(builders, messages);
      for (const { builder, lease } of led) if (builder.isStopped) stopped.set(builder.name, lease);
    },
    onTrouble: (error) => logger.warn({ stream, error: error.message }, `${stream} cannot be read just now`),
  });
  const writing = builders.map((builder) => builder.keepWriting(endWriting.signal));
  const { promise: away, reject } = Promise.withResolvers<never>();
  const stopWatching = onStatus(nc, ({ type }) => {
    if (type === 'reconnect') reject(new Error('the server was away; it may have come back with another log'));
  });
  announceBegun(nc, stream);
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

async function takeBatch(builders: readonly Builder[], messages: RawMessage[]): Promise<void> {
  const batch = decodeAll(messages);
  const { poison } = batch;
  await allOrFirstError(builders.map((builder) => builder.take(batch)));
  if (poison !== undefined) {
    await allOrFirstError(builders.map((builder) => builder.stop(poison.sequence, poison.error)));
  }
}

/** Waits until all are settled, so that none works on in the background, and then throws the first error, if any. */
async function allOrFirstError<Result>(promises: Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
