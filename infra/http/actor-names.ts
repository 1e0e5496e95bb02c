import type { NatsConnection } from '@nats-io/nats-core';
import type { AccountEvent } from '@stratum/contracts/account/account.ts';
import { tokenSchema } from '@stratum/contracts/subjects.ts';
import { LRUCache } from 'lru-cache';
import { decodePlantEvent } from '../event-store/codec.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readSubject } from '../event-store/read.ts';

/** Names are remembered for so many accounts. */
const NAMES_MAX = 10_000;
const ACCOUNT_PREFIX = 'account:';

/** Tells people's names; `null` for programs, machines, and accounts that the log does not know. */
export type ActorNames = (actors: Iterable<string>) => Promise<(actor: string) => string | null>;

/**
 * Reads from the log by what name an account was registered, once for each account: the log stays with `account:<id>`,
 * which never changes and says nothing about a person.
 */
export function openActorNames(nc: NatsConnection): ActorNames {
  const known = new LRUCache<string, string>({ max: NAMES_MAX });
  const learn = async (actor: string): Promise<void> => {
    const name = await registeredName(nc, actor.slice(ACCOUNT_PREFIX.length));
    if (name !== undefined) known.set(actor, name);
  };
  return async (actors) => {
    const unknown = new Set(actors).values().filter((actor) => actor.startsWith(ACCOUNT_PREFIX) && !known.has(actor));
    await Promise.all(unknown.map(learn));
    return (actor) => known.get(actor) ?? null;
  };
}

async function registeredName(nc: NatsConnection, accountId: string): Promise<string | undefined> {
  if (!tokenSchema.safeParse(accountId).success) return undefined;
  const messages = await readSubject(publisherOf(nc), 'PLANT', `plant.*.account.${accountId}`, 0);
  const facts = messages.map((message) => decodePlantEvent(message)).filter((event) => event !== undefined);
  return facts.map((event) => (isRegistered(event) ? event.data.name : undefined)).findLast((name) => name !== undefined);
}

function isRegistered(event: { type: string; data: unknown }): event is AccountEvent {
  return event.type === 'AccountRegistered';
}
