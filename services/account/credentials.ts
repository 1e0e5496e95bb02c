import { createHash } from 'node:crypto';
import type { KV } from '@nats-io/kv';
import { hash, verify } from '@node-rs/bcrypt';
import { roleSchema } from '@stratum/contracts/account/account.ts';
import { tokenSchema } from '@stratum/contracts/subjects.ts';
import { Overloaded } from '@stratum/infra/event-store/errors.ts';
import { z } from 'zod';

/** Passwords being hashed or waiting for it at once: some seconds of work. */
export const HASHES_MAX = 64;
/** bcrypt reads no further, so that whatever follows would not matter. */
const PASSWORD_BYTES_MAX = 72;

/** What signing in needs to know of an account. Lives in the key-value bucket `accounts`, never in an event. */
const credentialsSchema = z.object({
  accountId: tokenSchema,
  email: z.string(),
  name: z.string(),
  role: roleSchema,
  shopfloorId: tokenSchema.optional(),
  bcryptHash: z.string(),
  /** The command that made the account, so that the same request again is told from another person's. */
  commandId: z.string(),
  /** Made by the seed; its password follows DEMO_PASSWORD. */
  isDemo: z.boolean(),
});
export type Credentials = z.infer<typeof credentialsSchema>;

/** Credentials by e-mail. Every change is compare-and-set: of two at once one wins, and the other is told `false`. */
export type CredentialStore = {
  find: (email: string) => Promise<{ credentials: Credentials; revision: number } | undefined>;
  create: (credentials: Credentials) => Promise<boolean>;
  update: (credentials: Credentials, revision: number) => Promise<boolean>;
};

/** Opens the bucket `accounts`: key = base64url of the e-mail (keys may not hold `@`). */
export function openCredentials(kv: KV): CredentialStore {
  const keyOf = (email: string): string => Buffer.from(email).toString('base64url');
  return {
    async find(email) {
      const entry = await kv.get(keyOf(email));
      if (entry === null || entry.operation !== 'PUT') return undefined;
      return { credentials: credentialsSchema.parse(entry.json()), revision: entry.revision };
    },
    create: (credentials) => isFirst(kv.create(keyOf(credentials.email), JSON.stringify(credentials))),
    update: (credentials, revision) =>
      isFirst(kv.update(keyOf(credentials.email), JSON.stringify(credentials), revision)),
  };
}

/** JetStream's "wrong last sequence": somebody else was first. */
const WRONG_LAST_SEQUENCE = 10_071;

/** Whether a compare-and-set went through. Other errors stay errors. */
export async function isFirst(change: Promise<number>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === WRONG_LAST_SEQUENCE) return false;
    throw error;
  }
}

/** The id of the account of an e-mail address: always the same, so that two who register at once mean one account. */
export function accountIdOf(email: string): string {
  return `acc-${createHash('sha256').update(email).digest('base64url').slice(0, 20)}`;
}

/** Hashes a password of at most 72 bytes; the contract refuses longer ones. @throws Overloaded */
export function hashPassword(password: string, cost: number): Promise<string> {
  return oneOfMany(() => hash(password, { cost }));
}

let hashesUnderWay = 0;

/** Hashing takes the threads that also read files for the pages, so a crowd at the door must not queue up without end. */
async function oneOfMany<Result>(task: () => Promise<Result>): Promise<Result> {
  if (hashesUnderWay >= HASHES_MAX) throw new Overloaded(`${HASHES_MAX} passwords are being hashed already`);
  hashesUnderWay += 1;
  try {
    return await task();
  } finally {
    hashesUnderWay -= 1;
  }
}

/**
 * Checks a password against an account, or against nobody: an unknown e-mail takes as long as a wrong password, so
 * that nobody can ask which addresses have an account. The check throws `Overloaded` when too many are under way.
 */
export function passwordCheck(
  cost: number,
): (password: string, credentials: Credentials | undefined) => Promise<boolean> {
  const nobodysHash = hash('nobody has this password', { cost });
  return async (password, credentials) => {
    const matches = await oneOfMany(async () => verify(password, credentials?.bcryptHash ?? (await nobodysHash)));
    return matches && credentials !== undefined && Buffer.byteLength(password) <= PASSWORD_BYTES_MAX;
  };
}
