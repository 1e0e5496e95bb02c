import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { holdLease, type Lease, type LeaseOptions } from '../event-store/lease.ts';
import { waitMs } from '../event-store/wait.ts';
import type { Logger } from '../log.ts';
import { type AnyProjection, collectionNameOf } from './projection.ts';

/** Leases that are won within this time of each other are one change. */
const GATHER_MS = 250;
const RETRY_MS = 2_000;
const RELEASE_MS_MAX = 1_000;

/** The name of this process among those that build read models. */
export const holder = `projections-${randomUUID().slice(0, 8)}`;

/** The projections that this process is the one to build, each under its lease, until `changed` aborts. */
export type Led = { leases: ReadonlyMap<AnyProjection, Lease>; changed: AbortSignal };

/** Which projections this process is the one to build; for the others it stands by. */
export type Leadership = {
  /** Waits until there is one at least, and answers all; `undefined` when the signal aborts. */
  led(): Promise<Led | undefined>;
  /** Those built here, by `<name>_v<version>`. */
  readonly ledIds: readonly string[];
  /** Lets others take over at once. To be called when the signal has aborted and everything is written. Takes at most 2 s. */
  release(): Promise<void>;
};

/**
 * Stands for election for each version of each projection, by a lease for each: one process builds it, the others stand by
 * and one of them takes over within five seconds when the lease ends. Programs that know other versions do not compete: during
 * an update the old one goes on with its own.
 */
export function standForElection(
  nc: NatsConnection,
  options: { database: string; projections: readonly AnyProjection[]; signal: AbortSignal; logger: Logger },
): Leadership {
  const { database, projections, signal, logger } = options;
  const held = new Map<AnyProjection, Lease>();
  let change = new AbortController();
  const standing = Promise.all(projections.map(stand));

  return {
    async led() {
      while (held.size === 0 && !signal.aborted) await aborted(AbortSignal.any([change.signal, signal]));
      for (let isQuiet = false; !isQuiet && held.size < projections.length && !signal.aborted; ) {
        const came = change.signal;
        await waitMs(GATHER_MS, AbortSignal.any([came, signal]));
        isQuiet = !came.aborted;
      }
      if (signal.aborted) return undefined;
      return { leases: new Map(held), changed: change.signal };
    },
    get ledIds() {
      return [...held].filter(([, lease]) => lease.isHeld()).map(([projection]) => collectionNameOf(projection));
    },
    async release() {
      await Promise.all([...held.values()].map((lease) => lease.release()));
      // What is won just now is given back by whoever stood for it.
      const isOver = new AbortController();
      void standing.finally(() => isOver.abort());
      await waitMs(RELEASE_MS_MAX, isOver.signal);
    },
  };

  async function stand(projection: AnyProjection): Promise<void> {
    const name = leaseNameOf(database, projection);
    while (!signal.aborted && !nc.isClosed()) {
      try {
        const lease = await holdLease(nc, name, { owner: holder, signal, logger: quiet(logger) });
        if (lease === undefined) return;
        if (signal.aborted) return await lease.release();
        held.set(projection, lease);
        tellChange();
        await aborted(lease.signal);
        held.delete(projection);
        tellChange();
      } catch (error) {
        logger.warn({ projection: projection.name, error: String(error) }, 'cannot stand for election just now');
        await waitMs(RETRY_MS, signal);
      }
    }
  }

  function tellChange(): void {
    change.abort();
    change = new AbortController();
  }
}

/** One database has one builder of each version; other databases have their own. */
function leaseNameOf(database: string, projection: AnyProjection): string {
  return `projection.${database.replace(/[^A-Za-z0-9_-]/g, '-')}.${collectionNameOf(projection)}`;
}

/** Ten leases are won together; that is told once, by whoever uses them. */
function quiet(logger: Logger): LeaseOptions['logger'] {
  return { info: () => undefined, warn: logger.warn.bind(logger), error: logger.error.bind(logger) };
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
