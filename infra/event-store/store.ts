import type { NatsConnection } from '@nats-io/transport-node';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { type Append, openAppend } from './append.ts';
import { decodePlantEvent, type RecordedEvent } from './codec.ts';
import type { StoredMessage } from './message.ts';
import { publisherOf } from './publisher.ts';
import { readSubject } from './read.ts';
import { retrying } from './wait.ts';

export type { Appended } from './append.ts';
export type { Change, RecordedEvent } from './codec.ts';

/** What an aggregate's events say. `last`: sequence of the newest, even if its type is not known here; 0 if none. */
export type History = { events: RecordedEvent[]; last: number };

/** The log of business facts. */
export type Store = {
  /** The events of an aggregate after a sequence (from the first without it), oldest first; none is an empty list. */
  read(aggregate: Aggregate, after?: number): Promise<RecordedEvent[]>;
  /** As `read`, with the sequence that the next append must name as `after` (it is the given one if nothing came since). */
  history(aggregate: Aggregate, after?: number): Promise<History>;
  /**
   * Records what one command does, all or nothing: 1 to 100 events on one aggregate or several, each aggregate named once
   * with the sequence of the newest event the decision knew. Told again, the same command is answered as the first time.
   */
  append: Append;
};

/**
 * The store on the PLANT stream of a connection; what its calls throw is listed at `openAppend` and `readSubject`. Both are
 * tried for 15 s while the server is away, or for `patienceMs`.
 */
export function openStore(nc: NatsConnection, options: { patienceMs?: number } = {}): Store & AsyncDisposable {
  const publisher = publisherOf(nc);
  const append = openAppend(publisher, options);
  const underWay = new Set<Promise<unknown>>();
  const history = async (aggregate: Aggregate, after = 0) => {
    const subject = plantSubject(aggregate);
    const messages = await retrying(() => readSubject(publisher, 'PLANT', subject, after), options);
    return historyOf(messages, after);
  };
  return {
    history,
    read: async (aggregate, after) => (await history(aggregate, after)).events,
    async append(changes, command) {
      const appending = append(changes, command);
      underWay.add(appending);
      try {
        return await appending;
      } finally {
        underWay.delete(appending);
      }
    },
    /** Waits until what is being appended is settled; the connection stays open. */
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(underWay);
    },
  };
}

/** Decodes an aggregate's messages. */
export function historyOf(messages: readonly StoredMessage[], after: number): History {
  const events = messages.map(decodePlantEvent).filter((event) => event !== undefined);
  return { events, last: messages.at(-1)?.sequence ?? after };
}
