import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { type RebuildRun, rebuildRunSchema } from '@stratum/contracts/rebuild.ts';
import { isAway, isOvertaken } from '../event-store/errors.ts';
import { leaseEntry } from '../event-store/lease-entry.ts';
import { bucket } from '../event-store/streams.ts';
import { retrying } from '../event-store/wait.ts';

/** Whoever rebuilds holds this lease; if it is gone for so many seconds, another may begin. */
export const REBUILD_LEASE = 'rebuild';
export const REBUILD_LEASE_SECONDS = 10;
const KEY = 'latest';

/** The newest rebuild, kept in the key-value bucket `rebuilds`, so that it is known whoever is asked and whoever restarts. */
export type RebuildRecord = {
  /** `isHeld`: somebody is at work on a rebuild at this moment. */
  look(): Promise<{ run: RebuildRun | undefined; isHeld: boolean }>;
  /** Puts a new rebuild in the place of the last. Only for who holds the lease. */
  begin(run: RebuildRun): Promise<void>;
  /** Writes how far it is. @throws RebuildTakenOver, and what NATS throws when it is away */
  update(run: RebuildRun): Promise<void>;
};

/** Another rebuild has begun meanwhile: this one had been silent for too long. */
export class RebuildTakenOver extends Error {
  constructor() {
    super('another rebuild has begun, because this one was silent for too long');
    this.name = 'RebuildTakenOver';
  }
}

/** Opens the record, making its bucket if it is missing. @throws what NATS throws when it is away */
export async function openRebuildRecord(nc: NatsConnection): Promise<RebuildRecord> {
  const [kv] = await Promise.all([bucket(nc, 'rebuilds'), bucket(nc, 'leases')]);
  const lease = leaseEntry(nc, REBUILD_LEASE, REBUILD_LEASE_SECONDS);
  let revision = 0;
  return {
    async look() {
      // Asked in this order: a rebuild that ends in between has written so before it gave up the lease.
      const { holder } = await lease.look();
      return { run: (await latest(kv))?.run, isHeld: holder !== undefined };
    },
    begin: (run) =>
      retrying(
        async () => {
          const before = await latest(kv);
          if (before?.run.id === run.id) revision = before.revision;
          else revision = await write(run, before?.revision ?? 0);
        },
        { isWorthATry: (error) => isAway(error) || isOvertaken(error) },
      ),
    async update(run) {
      try {
        revision = await write(run, revision);
      } catch (error) {
        if (!isOvertaken(error)) throw error;
        // The answer to an earlier write may have been lost: then the newest is our own.
        const newest = await latest(kv);
        if (newest?.run.id !== run.id) throw new RebuildTakenOver();
        revision = await write(run, newest.revision);
      }
    },
  };

  function write(run: RebuildRun, after: number): Promise<number> {
    return kv.put(KEY, JSON.stringify(run), { previousSeq: after });
  }
}

async function latest(kv: KV): Promise<{ run: RebuildRun; revision: number } | undefined> {
  const entry = await kv.get(KEY);
  if (entry === null || entry.operation !== 'PUT') return undefined;
  return { run: rebuildRunSchema.parse(entry.json()), revision: entry.revision };
}
