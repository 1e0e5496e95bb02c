import type { NatsConnection } from '@nats-io/nats-core';
import { LRUCache } from 'lru-cache';
import type { Db } from 'mongodb';
import { publisherOf } from '../event-store/publisher.ts';
import { limited } from '../event-store/queue.ts';
import { readAt, readUpTo, untilHeld } from '../event-store/read.ts';
import { asOfSnapshot } from './as-of-snapshot.ts';
import { asOfSubject } from './as-of-subject.ts';
import { decodeAll } from './decode.ts';
import type { Moment } from './moment.ts';
import type { AnyProjection, ProjectedEvent, ProjectedStream, ReadModelDocument } from './projection.ts';
import type { Queried } from './queried.ts';
import { type Version, versionsNameOf } from './versions.ts';

/** Stretches of the log between snapshots that are kept decoded, because a time slider asks for the same again and again. */
const TAILS_KEPT_MAX = 16;
const TIMES_KEPT_MAX = 1_000;
/** Documents of TELEMETRY that are folded again at a time, for whomever: a long page must not keep all other answers waiting. */
const FOLDED_AT_ONCE_MAX = 8;

/** A collection being served, as its checkpoint describes it. */
export type ServedCollection = { collection: string; streamCreated: string; snapshotEvery: number };

/** Opens collections as they were at a moment. The projector must have got there before. */
export type AsOf = (projection: AnyProjection, served: ServedCollection, moment: Moment) => Queried<ReadModelDocument>;

/** A log, and when it was created: another of the same name is another log. */
type Log = { stream: ProjectedStream; created: string };
/** Events after a snapshot, as far as they have been asked for. */
type Tail = { upTo: number; events: ProjectedEvent[] };

/** Opens the past of a database's read models. */
export function openAsOf(database: Db, nc: NatsConnection): AsOf {
  const publisher = publisherOf(nc);
  const inTurn = limited(FOLDED_AT_ONCE_MAX);
  const tails = new LRUCache<string, Promise<Tail>>({ max: TAILS_KEPT_MAX });
  const times = new LRUCache<string, string>({ max: TIMES_KEPT_MAX });

  return (projection, { collection, streamCreated, snapshotEvery }, { sequences, agedOut }) => {
    const sequence = sequences[projection.stream];
    const live = database.collection<ReadModelDocument>(collection);
    const versions = database.collection<Version>(versionsNameOf(collection));
    const { past } = projection;
    if (past !== undefined) {
      const hasAgedOut = agedOut.has(projection.stream);
      return asOfSubject({ nc, projection, past, live, versions, sequence, hasAgedOut, inTurn });
    }
    const log = { stream: projection.stream, created: streamCreated };
    return asOfSnapshot({
      projection,
      live,
      versions,
      every: snapshotEvery,
      sequence,
      recordedAt: (of) => timeOf(log, of),
      eventsBetween: (after, upTo) => eventsBetween(log, after, upTo),
    });
  };

  async function timeOf({ stream, created }: Log, sequence: number): Promise<string> {
    const key = `${stream} ${created} ${sequence}`;
    const known = times.get(key);
    if (known !== undefined) return known;
    const message = await untilHeld(`${stream}:${sequence}`, () => readAt(publisher, stream, sequence));
    times.set(key, message.recordedAt);
    return message.recordedAt;
  }

  /** Reads no more than is asked for, and what has been read of a tail only once. */
  async function eventsBetween(log: Log, after: number, upTo: number): Promise<ProjectedEvent[]> {
    const key = `${log.stream} ${log.created} ${after}`;
    const known = tails.get(key) ?? Promise.resolve({ upTo: after, events: [] });
    const longer = known.then((tail) => (tail.upTo >= upTo ? tail : lengthen(log, tail, upTo)));
    tails.set(key, longer);
    longer.catch(() => tails.delete(key));
    const { events } = await longer;
    return events.filter((event) => event.recorded.sequence <= upTo);
  }

  async function lengthen({ stream }: Log, tail: Tail, upTo: number): Promise<Tail> {
    const events = [...tail.events];
    for await (const page of readUpTo(publisher, stream, { from: tail.upTo + 1, upTo, subject: '>' })) {
      const decoded = decodeAll(page.map((message) => ({ ...message, stream })));
      if (decoded.poison !== undefined) throw decoded.poison.error;
      events.push(...decoded.events);
    }
    return { upTo, events };
  }
}
