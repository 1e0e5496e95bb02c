import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import { isFirst } from './credentials.ts';

/** A session ends this long after it was started, however often it was refreshed. */
export const SESSION_SECONDS = 7 * 86_400;
/**
 * A refresh token that was just exchanged may come once more within this time: two tabs refresh at once, or the answer
 * was lost on its way. Later it is a stolen one.
 */
export const ROTATION_GRACE_SECONDS = 10;
const TOKEN_BYTES = 32;

const familySchema = z.object({ email: z.string(), startedAt: z.iso.datetime() });
const tokenSchema = z.object({ familyId: z.string(), exchangedAt: z.iso.datetime().nullable() });

/** A refresh token and how long it is good for. Only its SHA-256 is kept here. */
export type Refresh = { email: string; token: string; secondsLeft: number };

/**
 * Sessions: a family of refresh tokens that begins with a login. Each exchange replaces the token; one that comes a
 * second time ends the family, because either the thief or the owner holds a copy.
 */
export type Sessions = {
  start: (email: string) => Promise<Refresh>;
  /** `ended`: unknown, run out, or logged out. `reused`: came a second time; the family is now ended. */
  exchange: (token: string) => Promise<Refresh | 'ended' | 'reused'>;
  /** Logs out: no token of the family works any more. */
  end: (token: string) => Promise<void>;
};

/** Opens the bucket `sessions`, whose entries must live at least `SESSION_SECONDS`. */
export function openSessions(kv: KV, now: () => Date): Sessions {
  const read = async <T>(key: string, schema: z.ZodType<T>): Promise<{ value: T; revision: number } | undefined> => {
    const entry = await kv.get(key);
    if (entry === null || entry.operation !== 'PUT') return undefined;
    return { value: schema.parse(entry.json()), revision: entry.revision };
  };

  const issue = async (familyId: string, email: string, startedAt: Date): Promise<Refresh> => {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    await kv.create(tokenKey(token), JSON.stringify({ familyId, exchangedAt: null }));
    return { email, token, secondsLeft: Math.ceil(SESSION_SECONDS - secondsBetween(startedAt, now())) };
  };

  /** Marks a token as exchanged; answers when that first happened. */
  const markExchanged = async (key: string): Promise<Date | undefined> => {
    const found = await read(key, tokenSchema);
    if (found === undefined) return undefined;
    if (found.value.exchangedAt !== null) return new Date(found.value.exchangedAt);
    const marked = JSON.stringify({ ...found.value, exchangedAt: now().toISOString() });
    if (await isFirst(kv.update(key, marked, found.revision))) return now();
    const rival = await read(key, tokenSchema);
    return rival?.value.exchangedAt === undefined || rival.value.exchangedAt === null
      ? undefined
      : new Date(rival.value.exchangedAt);
  };

  return {
    async start(email) {
      const familyId = randomUUID();
      const startedAt = now();
      await kv.create(familyKey(familyId), JSON.stringify({ email, startedAt: startedAt.toISOString() }));
      return issue(familyId, email, startedAt);
    },
    async exchange(token) {
      const found = await read(tokenKey(token), tokenSchema);
      if (found === undefined) return 'ended';
      const { familyId } = found.value;
      const family = await read(familyKey(familyId), familySchema);
      if (family === undefined) return 'ended';
      const startedAt = new Date(family.value.startedAt);
      if (secondsBetween(startedAt, now()) >= SESSION_SECONDS) return 'ended';
      const exchangedAt = await markExchanged(tokenKey(token));
      if (exchangedAt === undefined) return 'ended';
      if (secondsBetween(exchangedAt, now()) > ROTATION_GRACE_SECONDS) {
        await kv.purge(familyKey(familyId));
        return 'reused';
      }
      return issue(familyId, family.value.email, startedAt);
    },
    async end(token) {
      const found = await read(tokenKey(token), tokenSchema);
      if (found !== undefined) await kv.purge(familyKey(found.value.familyId));
    },
  };
}

const tokenKey = (token: string): string => `token.${createHash('sha256').update(token).digest('base64url')}`;
const familyKey = (familyId: string): string => `family.${familyId}`;
const secondsBetween = (from: Date, to: Date): number => (to.getTime() - from.getTime()) / 1000;
