import type { NatsConnection } from '@nats-io/nats-core';
import {
  type Instant,
  instantSchema,
  type Position,
  parsePosition,
  positionOf,
  type StreamName,
} from '@stratum/contracts/envelope.ts';
import type { StoredMessage } from '../event-store/message.ts';
import { type Publisher, publisherOf } from '../event-store/publisher.ts';
import { readAt, readSince, untilHeld } from '../event-store/read.ts';
import { lastSequence, type StreamBounds } from '../event-store/reader.ts';
import type { ProjectedStream } from './projection.ts';

/**
 * A moment of the past: everything recorded up to `at` (broker's time), as positions of the logs that read models are folded
 * from. Of a log in `agedOut` nothing of that time is left: the moment lies somewhere before what `sequences` says of it.
 */
export type Moment = {
  at: Date;
  sequences: Record<ProjectedStream, number>;
  agedOut: ReadonlySet<ProjectedStream>;
};

/** Where a log was at an instant; `isKnown` is false where it has no message left that is as old. */
type Place = { sequence: number; isKnown: boolean };

/** A question about a moment that cannot be answered, because it is not over, or never was; the message completes "asOf …". */
export class NoSuchMoment extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NoSuchMoment';
  }
}

/** A question about a moment whose readings are not kept any more; the message completes "asOf …". */
export class AgedOut extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AgedOut';
  }
}

/** What is asked to find a moment: the log's messages, of whichever copy answers, and its bounds, of the server that decides. */
export type MomentLog = { publisher: Publisher; boundsOf: (stream: StreamName) => Promise<StreamBounds> };

/**
 * Finds a moment by an instant (what was recorded at it is included, to the millisecond) or by a position of any log. The
 * other logs are taken up to the instant at which that position was recorded. `PLANT:0` is before everything.
 * @throws NoSuchMoment, AgedOut, and what the log throws
 */
export function momentOf(nc: NatsConnection, asOf: Instant | Position, now: Date): Promise<Moment> {
  const log = { publisher: publisherOf(nc), boundsOf: (stream: StreamName) => lastSequence(nc, stream) };
  return momentIn(log, asOf, now);
}

/** As `momentOf`. */
export async function momentIn(log: MomentLog, asOf: Instant | Position, now: Date): Promise<Moment> {
  if (instantSchema.safeParse(asOf).success) {
    const at = new Date(asOf);
    if (at > now) throw new NoSuchMoment(`is in the future: it is ${now.toISOString()}`);
    return momentAt(at, (stream) => placeAt(log, stream, at));
  }
  const { stream, sequence } = parsePosition(asOf);
  if (sequence === 0) return momentAt(new Date(0), async () => ({ sequence: 0, isKnown: true }));
  const at = new Date((await messageAt(log, stream, sequence)).recordedAt);
  return momentAt(at, async (one) => (one === stream ? { sequence, isKnown: true } : placeAt(log, one, at)));
}

async function momentAt(at: Date, placeIn: (stream: ProjectedStream) => Promise<Place>): Promise<Moment> {
  const [plant, telemetry] = await Promise.all([placeIn('PLANT'), placeIn('TELEMETRY')]);
  const agedOut = new Set<ProjectedStream>();
  if (!plant.isKnown) agedOut.add('PLANT');
  if (!telemetry.isKnown) agedOut.add('TELEMETRY');
  return { at, sequences: { PLANT: plant.sequence, TELEMETRY: telemetry.sequence }, agedOut };
}

async function messageAt(log: MomentLog, stream: StreamName, sequence: number): Promise<StoredMessage> {
  return untilHeld(positionOf(stream, sequence), async () => {
    const message = await readAt(log.publisher, stream, sequence);
    if (message !== undefined) return message;
    const { first, last } = await log.boundsOf(stream);
    if (sequence > last) throw new NoSuchMoment(`is in the future: ${stream} ends at ${positionOf(stream, last)}`);
    const isThere = sequence >= first && log.publisher.isCluster;
    if (!isThere) throw new AgedOut(`is not there any more: ${stream} begins at ${positionOf(stream, first)}`);
    return undefined;
  });
}

/** The last sequence that a stream recorded up to an instant. */
async function placeAt(log: MomentLog, stream: ProjectedStream, at: Date): Promise<Place> {
  const justAfter = new Date(at.getTime() + 1).toISOString();
  const nextFound = () => readSince(log.publisher, stream, justAfter);
  const next = await nextFound();
  if (next !== undefined) return placeBefore(log, stream, next.sequence);
  // None has come since, or the copy that answered is behind: the newest of all tells which.
  const { first, last } = await log.boundsOf(stream);
  // Nobody knows when what has aged out altogether was recorded.
  if (first > last || last === 0) return { sequence: last, isKnown: last === 0 };
  const newest = await untilHeld(positionOf(stream, last), () => readAt(log.publisher, stream, last));
  if (Date.parse(newest.recordedAt) <= at.getTime()) return { sequence: last, isKnown: true };
  const late = await untilHeld(positionOf(stream, last), nextFound);
  return placeBefore(log, stream, late.sequence);
}

/** The place before the first message after an instant: the instant lies there only if the message before is still kept. */
async function placeBefore(log: MomentLog, stream: ProjectedStream, next: number): Promise<Place> {
  const sequence = next - 1;
  if (sequence === 0 || (await readAt(log.publisher, stream, sequence)) !== undefined) {
    return { sequence, isKnown: true };
  }
  return { sequence, isKnown: (await log.boundsOf(stream)).first < next };
}
