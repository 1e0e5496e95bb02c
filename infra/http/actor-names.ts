import type { NatsConnection } from '@nats-io/nats-core';
import { tokenSchema } from '@stratum/contracts/subjects.ts';
import { LRUCache } from 'lru-cache';
import { decodePlantEvent } from '../event-store/codec.ts';
import { NotInContract } from '../event-store/errors.ts';
import type { StoredMessage } from '../event-store/message.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readSubject } from '../event-store/read.ts';

/** Names are remembered for so many accounts. */
const NAMES_MAX = 10_000;
const ACCOUNT_PREFIX = 'account:';

/** Tells people's names by the actor of an event; null for programs, machines, and accounts that the log does not know. */
export type ActorNames = (actors: Iterable<string>) => Promise<(actor: string) => string | null>;

/**
 * Reads from the log by what name an account was registered, once for each account: events stay with `account:<id>`, which
 * never changes and says nothing about a person.
 */
export function openActorNames(nc: NatsConnection): ActorNames {
  const known = new LRUCache<string, string>({ max: NAMES_MAX });
  const learn = async (actor: string): Promise<void> => {
    const name = await registeredName(nc, actor.slice(ACCOUNT_PREFIX.length));
    if (name !== undefined) known.set(actor, name);
  };
  return async (actors) => {
    const unknown = [...new Set(actors)].filter((actor) => actor.startsWith(ACCOUNT_PREFIX) && !known.has(actor));
    await Promise.all(unknown.map(learn));
    return (actor) => known.get(actor) ?? null;
  };
}

async function registeredName(nc: NatsConnection, accountId: string): Promise<string | undefined> {
  if (!tokenSchema.safeParse(accountId).success) return undefined;
  const messages = await readSubject(publisherOf(nc), 'PLANT', `plant.*.account.${accountId}`, 0);
  return messages.map(nameIn).findLast((name) => name !== undefined);
}

function nameIn(message: StoredMessage): string | undefined {
  try {
    const event = decodePlantEvent(message);
    return event?.type === 'AccountRegistered' ? event.data.name : undefined;
  } catch (error) {
    // A name that cannot be read is no reason to withhold the log.
    if (error instanceof NotInContract) return undefined;
    throw error;
  }
}
