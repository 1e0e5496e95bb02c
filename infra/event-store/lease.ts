import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { patiently } from './connection-status.ts';
import { isAway } from './errors.ts';
import { type Claim, isGivenUp, type LeaseEntry, leaseEntry } from './lease-entry.ts';
import type { Logger } from './logger.ts';
import { bucket } from './streams.ts';
import { backoffMs, waitMs } from './wait.ts';

const TTL_SECONDS_DEFAULT = 3;
const TTL_SECONDS_MAX = 60;
/** The holder counts itself out when this part of its time is over, before the broker does: clocks run unevenly. */
const OWN_SHARE = 0.9;
const RENEWALS_PER_TTL = 3;
/** Longest pause between two tries: to renew, or to take what should be free by now. */
const AGAIN_MS_MAX = 250;
const RELEASE_MS_MAX = 1_000;

export type LeaseOptions = {
  /** Who wants it, for people: a worker's name. */
  owner: string;
  /** How long the broker keeps it for a holder that is not heard of, in whole seconds, 1 to 60; 3 if left out. */
  ttlSeconds?: number;
  /** Ends the waiting. Who holds the lease by then keeps it until `release`, so that work under way can end first. */
  signal: AbortSignal;
  logger: Logger;
};

/** A lease that was taken. */
export type Lease = {
  /** Grows from holder to holder, over restarts too: what bears a smaller one is of the past. */
  readonly term: number;
  /** Aborts when the lease is lost or released. */
  readonly signal: AbortSignal;
  /** Whether it is held at this moment, by clocks that go on while the process is stopped. */
  isHeld(): boolean;
  /** Gives it up, so that the next holder takes over at once. Takes at most 1 s and never throws. */
  release(): Promise<void>;
};

/**
 * Waits until this process holds the lease of a name, then renews it until `release`. By the broker's account one process
 * holds it at most; a holder that cannot renew (NATS away, process stopped, a rival) counts itself out before the broker
 * gives the lease to the next. After a crash the next has it in `ttlSeconds` and a little, after `release` at once. A
 * message that was on its way when the lease was lost may still arrive, so effects need a guard or an id of their own
 * besides. Answers `undefined` when the signal came first.
 * @param name letters, digits, `-`, `_`, `.`: `reactor.order`
 * @throws ZodError, RangeError when name or time are none; ServerRefused; Error when the connection is closed for good
 */
export async function holdLease(nc: NatsConnection, name: string, options: LeaseOptions): Promise<Lease | undefined> {
  const { owner, ttlSeconds = TTL_SECONDS_DEFAULT, signal } = options;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > TTL_SECONDS_MAX) {
    throw new RangeError(`ttlSeconds must be a whole number from 1 to ${TTL_SECONDS_MAX}, not ${ttlSeconds}`);
  }
  const wish: Wish = {
    ...options,
    name,
    ttlMs: ttlSeconds * 1_000,
    entry: leaseEntry(nc, name, ttlSeconds),
    claim: { owner, id: randomUUID() },
  };
  await patiently(nc, signal, () => bucket(nc, 'leases'));
  const held = await take(nc, wish);
  return held === undefined ? undefined : keep(wish, held);
}

type Wish = LeaseOptions & { name: string; ttlMs: number; entry: LeaseEntry; claim: Claim };
/** `sequence`: of our last write; `sentAt`: when it was sent, which is before the broker began to count. */
type Held = { sequence: number; sentAt: Instant };

/** Tries when the holder gives it up, when the holder's time should be over, and when NATS is back. */
async function take(nc: NatsConnection, wish: Wish): Promise<Held | undefined> {
  const { entry, claim, signal, logger, name } = wish;
  const holder = listen(nc, wish);
  try {
    for (let isSaid = false; !signal.aborted; ) {
      const state = await patiently(nc, signal, entry.look);
      // Held by this very claim: the answer to an earlier try was lost.
      if (state !== undefined && (state.holder === undefined || state.holder.id === claim.id)) {
        let sentAt = now();
        const taken = await patiently(nc, signal, () => {
          sentAt = now();
          return entry.claim(claim, state.sequence);
        });
        if (typeof taken === 'number') return { sequence: taken, sentAt };
      } else if (state?.holder !== undefined && !isSaid) {
        logger.info({ lease: name, holder: state.holder.owner }, 'waiting for the lease');
        isSaid = true;
      }
      await holder.silence();
    }
    return undefined;
  } finally {
    holder.close();
  }
}

/** Follows the holder's writes as the broker passes them on, without asking: each lasts for the lease's time. */
function listen(nc: NatsConnection, { entry, ttlMs, signal }: Wish) {
  let expectedFreeAt = 0;
  let waits = 0;
  let heard = new AbortController();
  const subscription = nc.subscribe(entry.subject, {
    callback: (error, message) => {
      if (error !== null) return;
      expectedFreeAt = isGivenUp(message) ? 0 : performance.now() + ttlMs;
      waits = 0;
      heard.abort();
    },
  });
  return {
    /** Resolves when it is time for another look: soon, unless the holder is heard. */
    async silence(): Promise<void> {
      do {
        heard = new AbortController();
        waits += 1;
        const leftMs = expectedFreeAt - performance.now();
        await waitMs(Math.max(leftMs, backoffMs(waits, AGAIN_MS_MAX)), AbortSignal.any([signal, heard.signal]));
      } while (!signal.aborted && performance.now() < expectedFreeAt);
    },
    close: () => subscription.unsubscribe(),
  };
}

/** Goes on holding until release, or until the time is over. */
function keep(wish: Wish, held: Held): Lease {
  const { name, owner, ttlMs, logger } = wish;
  const term = held.sequence;
  const over = new AbortController();
  let sentAt = held.sentAt;
  let alarm: NodeJS.Timeout | undefined;

  const end = (how: string) => {
    clearTimeout(alarm);
    over.abort(new Error(`the lease ${name} is ${how}`));
  };
  const lose = (reason: string) => {
    if (over.signal.aborted) return;
    logger.warn({ lease: name, owner, term, reason }, 'lease lost');
    end('lost');
  };
  const isHeld = () => {
    if (leftMs() <= 0) lose('it was not renewed in time');
    return !over.signal.aborted;
  };
  const leftMs = () => ttlMs * OWN_SHARE - elapsedMs(sentAt);
  const watch = () => {
    if (isHeld()) alarm = setTimeout(watch, leftMs());
  };

  logger.info({ lease: name, owner, term }, 'lease taken');
  watch();
  const onRenewed = (at: Instant) => {
    // What comes too late comes too late: another may have been told that it is the holder.
    if (isHeld()) sentAt = at;
  };
  const renewing = renew(wish, held, { over: over.signal, onRenewed, onLost: lose });

  return {
    term,
    signal: over.signal,
    isHeld,
    async release() {
      if (!isHeld()) return;
      end('released');
      const isFree = new AbortController();
      const freeing = renewing.then((sequence) => giveUp(wish, sequence));
      freeing
        .then(
          (outcome) => logger.info({ lease: name, owner, term }, `lease ${outcome}`),
          (err: Error) => logger.warn({ lease: name, owner, term, err }, 'lease not released: it ends by itself'),
        )
        .finally(() => isFree.abort());
      await waitMs(RELEASE_MS_MAX, isFree.signal);
    },
  };
}

/** Gives up what was ours by the write of that sequence. @throws Unavailable, Overloaded, ServerRefused, Error */
async function giveUp({ entry, claim }: Wish, sequence: number): Promise<'released' | 'not released: another has it'> {
  if ((await entry.free(sequence)) !== 'conflict') return 'released';
  const state = await entry.look();
  if (state.holder === undefined) return 'released';
  if (state.holder.id !== claim.id) return 'not released: another has it';
  // The answer to the last renewal was lost.
  if ((await entry.free(state.sequence)) === 'conflict') throw new Error('it was written to meanwhile');
  return 'released';
}

type Renewing = { over: AbortSignal; onRenewed: (sentAt: Instant) => void; onLost: (reason: string) => void };

/** Renews until it is over; answers the sequence of the last write. */
async function renew(
  { entry, claim, ttlMs }: Wish,
  held: Held,
  { over, onRenewed, onLost }: Renewing,
): Promise<number> {
  let { sequence } = held;
  for (let pauseMs = ttlMs / RENEWALS_PER_TTL; ; ) {
    await waitMs(pauseMs, over);
    if (over.aborted) return sequence;
    pauseMs = AGAIN_MS_MAX;
    try {
      const sentAt = now();
      const renewed = await entry.claim(claim, sequence);
      if (renewed !== 'conflict') {
        sequence = renewed;
        onRenewed(sentAt);
        pauseMs = ttlMs / RENEWALS_PER_TTL;
        continue;
      }
      const state = await entry.look();
      // The answer to an earlier renewal may have been lost: then the newest write is our own.
      if (state.holder?.id === claim.id) sequence = state.sequence;
      else onLost(state.holder === undefined ? 'it ran out' : `${state.holder.owner} has it`);
    } catch (error) {
      if (!isAway(error)) onLost(String(error));
    }
  }
}

/** A moment by two clocks: one that nobody can set, and one that also counts while the machine sleeps. */
type Instant = { steadyMs: number; wallMs: number };

function now(): Instant {
  return { steadyMs: performance.now(), wallMs: Date.now() };
}

function elapsedMs({ steadyMs, wallMs }: Instant): number {
  return Math.max(performance.now() - steadyMs, Date.now() - wallMs);
}
