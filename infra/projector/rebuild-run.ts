import type { RebuildRun } from '@stratum/contracts/rebuild.ts';
import { isAway } from '../event-store/errors.ts';
import { holdLease, type Lease } from '../event-store/lease.ts';
import { retrying, waitMs } from '../event-store/wait.ts';
import type { Logger } from '../log.ts';
import { type RebuildOptions, type RebuildProgress, rebuildAndCompare } from './rebuild.ts';
import {
  openRebuildRecord,
  REBUILD_LEASE,
  REBUILD_LEASE_SECONDS,
  type RebuildRecord,
  RebuildTakenOver,
} from './rebuild-record.ts';

/** How far a rebuild is, is written this often. */
const RECORDED_EVERY_MS = 500;
/** A rebuild that makes no progress for so long has failed. */
const STALLED_MS_MAX = 300_000;
/** What was free a moment ago is taken in this time, or somebody else has taken it. */
const LEASE_MS_MAX = 1_000;

/** A wish to rebuild: `id` is the same when it is wished again, `by` whoever wishes. */
export type RebuildWish = { id: string; by: string };

/** What a rebuild works with; `signal` is the end of the program. */
export type RebuildDeps = Omit<RebuildOptions, 'onProgress'> & { logger: Logger };

/** A rebuild that has begun. `ended` never rejects: it answers the rebuild as it ended. */
export type Rebuilding = { ended: Promise<RebuildRun> };

/** Where a request to cancel a rebuild is heard, by whoever runs it. */
export const cancelSubjectOf = (id: string): string => `rebuild.cancel.${id}`;

/**
 * Begins a rebuild, if none is under way in the whole plant: a lease sees to that. How far it is and what it found is
 * in the record every half second and at its end; it ends as `finished`, `cancelled`, or `failed` with the reason, and as
 * neither if this program is killed. Answers `undefined` if one is under way already.
 * @throws what NATS throws when it is away for longer than 15 s
 */
export async function beginRebuild(
  { id, by }: RebuildWish,
  deps: RebuildDeps,
  onProgress: (progress: RebuildProgress) => void = () => undefined,
): Promise<Rebuilding | undefined> {
  const record = await openRebuildRecord(deps.nc);
  const lease = await takeLease(record, by, deps);
  if (lease === undefined) return undefined;
  const run: RebuildRun = {
    id,
    by,
    state: 'running',
    begunAt: new Date().toISOString(),
    endedAt: null,
    read: [],
    comparing: null,
    modelCount: deps.projections.length,
    models: [],
    error: null,
  };
  try {
    await record.begin(run);
  } catch (error) {
    await lease.release();
    throw error;
  }
  return { ended: carryOut(run, record, lease, deps, onProgress) };
}

async function takeLease(record: RebuildRecord, owner: string, { nc, signal, logger }: RebuildDeps) {
  const before = await record.look();
  // Whoever has recorded its end is about to give the lease up.
  if (before.isHeld && before.run?.state === 'running') return undefined;
  const lease = await holdLease(nc, REBUILD_LEASE, {
    owner,
    ttlSeconds: REBUILD_LEASE_SECONDS,
    signal: AbortSignal.any([signal, AbortSignal.timeout(LEASE_MS_MAX)]),
    logger,
  });
  if (lease === undefined) return undefined;
  // Another was first, and has ended already: it was under way when this one was wished.
  const { run } = await record.look();
  if (run?.id === before.run?.id) return lease;
  await lease.release();
  return undefined;
}

/** Rebuilds and keeps the record until it is over, then gives up the lease. */
async function carryOut(
  begun: RebuildRun,
  record: RebuildRecord,
  lease: Lease,
  deps: RebuildDeps,
  onProgress: (progress: RebuildProgress) => void,
): Promise<RebuildRun> {
  const { nc, logger } = deps;
  const stop = new AbortController();
  const over = new AbortController();
  let run = begun;
  let progressedMs = performance.now();
  let isCancelled = false;
  const cancelling = nc.subscribe(cancelSubjectOf(run.id), {
    callback: (error, message) => {
      if (error !== null) return;
      isCancelled = true;
      stop.abort(new Error('it was cancelled'));
      message.respond();
    },
  });
  const recording = keepRecord();
  try {
    const signal = AbortSignal.any([deps.signal, lease.signal, stop.signal]);
    await rebuildAndCompare({
      ...deps,
      signal,
      onProgress(progress) {
        progressedMs = performance.now();
        run = runAfter(run, progress);
        onProgress(progress);
      },
    });
    run = { ...run, state: 'finished' };
  } catch (error) {
    const reason = deps.signal.aborted ? 'the program that ran it was stopped' : messageOf(error);
    run = isCancelled ? { ...run, state: 'cancelled' } : { ...run, state: 'failed', error: reason };
    logger.warn({ rebuild: run.id, state: run.state, reason }, 'a rebuild did not come to its end');
  }
  over.abort();
  await recording;
  cancelling.unsubscribe();
  run = { ...run, comparing: null, endedAt: new Date().toISOString() };
  await retrying(() => record.update(run), { isWorthATry: isAway }).catch((error) =>
    logger.error({ rebuild: run.id, error: messageOf(error) }, 'how a rebuild ended could not be recorded'),
  );
  await lease.release();
  return run;

  async function keepRecord(): Promise<void> {
    for (let written = run; ; ) {
      await waitMs(RECORDED_EVERY_MS, over.signal);
      if (over.signal.aborted) return;
      if (performance.now() - progressedMs > STALLED_MS_MAX) {
        stop.abort(new Error(`it made no progress for ${STALLED_MS_MAX / 60_000} minutes`));
      }
      if (written === run) continue;
      const next = run;
      try {
        await record.update(next);
        written = next;
      } catch (error) {
        // While NATS is away nothing can be recorded; the lease decides when that has been too long.
        if (error instanceof RebuildTakenOver) stop.abort(error);
      }
    }
  }
}

/** A rebuild as it stands after one more step. */
export function runAfter(run: RebuildRun, progress: RebuildProgress): RebuildRun {
  switch (progress.step) {
    case 'read': {
      const { stream, position, last } = progress;
      const others = run.read.filter((one) => one.stream !== stream);
      return { ...run, read: [...others, { stream, position, last }] };
    }
    case 'compare':
      return { ...run, comparing: { name: progress.name, documents: progress.documents } };
    case 'compared':
      return { ...run, comparing: null, models: [...run.models, progress.compared] };
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
