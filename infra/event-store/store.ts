import type { NatsConnection } from '@nats-io/transport-node';
import type { Command, Decided, Position } from '@stratum/contracts/envelope.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { append } from './append.ts';
import { decodePlantEvent, type RecordedEvent } from './codec.ts';
import type { StoredMessage } from './message.ts';
import { publisherOf } from './publisher.ts';
import { readSubject } from './read.ts';
import { retrying } from './wait.ts';

export type { RecordedEvent } from './codec.ts';

/** What an aggregate's events say. `last`: sequence of the newest, even if its type is not known here; 0 if none. */
export type History = { events: RecordedEvent[]; last: number };

/** The log of business facts, one aggregate at a time. */
export type Store = {
  /** The events of an aggregate after a sequence (from the first without it), oldest first; none is an empty list. */
  read(aggregate: Aggregate, after?: number): Promise<RecordedEvent[]>;
  /** As `read`, with the sequence that the next append must name as `after` (it is the given one if nothing came since). */
  history(aggregate: Aggregate, after?: number): Promise<History>;
  /**
   * Records the 1 to 100 events of one command, all or none, if nothing was recorded on the aggregate after `after`
   * (sequence of the newest event known, 0 if none). Answers the position of the last.
   */
  append(
    aggregate: Aggregate,
    events: Decided[],
    options: { after: number; command: Command },
  ): Promise<Position | 'conflict'>;
};

/**
 * The store on the PLANT stream of a connection; what its calls throw is listed at `append` and `readSubject`. Both are
 * tried for 15 s while the server is away, or for `patienceMs`.
 */
export function openStore(nc: NatsConnection, options: { patienceMs?: number } = {}): Store & AsyncDisposable {
  const publisher = publisherOf(nc);
  const underWay = new Set<Promise<unknown>>();
  const history = async (aggregate: Aggregate, after = 0) => {
    const subject = plantSubject(aggregate);
    const messages = await retrying(() => readSubject(publisher, 'PLANT', subject, after), options);
    return historyOf(messages, after);
  };
  return {
    history,
    read: async (aggregate, after) => (await history(aggregate, after)).events,
    append: (aggregate, events, { after, command }) =>
      noted(underWay, append(publisher, aggregate, events, { after, command, ...options })),
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

function noted<Result>(underWay: Set<Promise<unknown>>, promise: Promise<Result>): Promise<Result> {
  underWay.add(promise);
  const leave = () => underWay.delete(promise);
  promise.then(leave, leave);
  return promise;
}
