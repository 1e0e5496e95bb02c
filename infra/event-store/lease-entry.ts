import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { isOvertaken, isUndecided } from './errors.ts';
import { headersOf } from './headers.ts';
import { header, publisherOf } from './publisher.ts';

const BUCKET_STREAM = 'KV_leases';
const DELETE = header('KV-Operation', 'DEL');
const nameSchema = z.string().regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'letters, digits, "-", "_" and single dots');
const claimSchema = z.object({ owner: z.string(), id: z.string() });

/** Who holds a lease: `owner` for people, `id` to tell two claims of one owner apart. */
export type Claim = z.infer<typeof claimSchema>;

/** What the broker says about a lease. `sequence`: of its last write, for the guard of the next; 0 if there is none. */
export type LeaseState = { sequence: number; holder: Claim | undefined };

/** One lease in the bucket `leases`: its writes are guarded by the sequence of the one before. */
export type LeaseEntry = {
  /** Everybody can hear here what holders write. */
  subject: string;
  /** @throws Unavailable, Overloaded, ServerRefused */
  look(): Promise<LeaseState>;
  /** Claims or renews for the lease's time. @throws Unavailable, Overloaded, ServerRefused */
  claim(claim: Claim, after: number): Promise<number | 'conflict'>;
  /** Gives it up. @throws Unavailable, Overloaded, ServerRefused */
  free(after: number): Promise<number | 'conflict'>;
};

/**
 * The entry of a lease whose claims end by themselves after `ttlSeconds`. (The client's own `update` would drop that
 * time, and the lease would never end.) The bucket must be there.
 * @throws ZodError when the name is none
 */
export function leaseEntry(nc: NatsConnection, name: string, ttlSeconds: number): LeaseEntry {
  const publisher = publisherOf(nc);
  const subject = `$KV.leases.${nameSchema.parse(name)}`;
  const lasting = header('Nats-TTL', `${ttlSeconds}s`);
  const write = async (body: string, headers: string, after: number) => {
    const guard = header('Nats-Expected-Last-Subject-Sequence', String(after));
    try {
      return (await publisher.publish(subject, Buffer.from(body), guard + headers)).sequence;
    } catch (error) {
      // Before this claim something else was written, or is being written.
      if (isOvertaken(error) || isUndecided(error)) return 'conflict';
      throw error;
    }
  };
  return {
    subject,
    claim: (claim, after) => write(JSON.stringify(claim), lasting, after),
    free: (after) => write('', DELETE, after),
    async look() {
      const last = await publisher.getLast(BUCKET_STREAM, subject);
      if (last === undefined) return { sequence: 0, holder: undefined };
      const headers = headersOf(last);
      // The server leaves a marker of its own for a while in place of what ran out.
      const isFree = isGivenUp(last) || headers.get('Nats-Marker-Reason') !== undefined;
      const sequence = Number(headers.get('Nats-Sequence'));
      return { sequence, holder: isFree ? undefined : claimSchema.parse(last.json()) };
    },
  };
}

/** Whether a message on a lease's subject, as its holder sent it, gives the lease up. */
export function isGivenUp(message: Msg): boolean {
  return headersOf(message).get('KV-Operation') !== undefined;
}
