import type { NatsConnection } from '@nats-io/nats-core';
import {
  type Instant,
  instantSchema,
  type Position,
  parsePosition,
  positionOf,
  type StreamName,
} from '@stratum/contracts/envelope.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readAt, readSince } from '../event-store/read.ts';
import { lastSequence } from '../event-store/reader.ts';
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

/**
 * Finds a moment by an instant (what was recorded at it is included, to the millisecond) or by a position of any log. The
 * other logs are taken up to the instant at which that position was recorded. `PLANT:0` is before everything.
 * @throws NoSuchMoment, AgedOut, and what the log throws
 */
export async function momentOf(nc: NatsConnection, asOf: Instant | Position, now: Date): Promise<Moment> {
  if (instantSchema.safeParse(asOf).success) {
    const at = new Date(asOf);
    if (at > now) throw new NoSuchMoment(`is in the future: it is ${now.toISOString()}`);
    return momentAt(at, (stream) => placeAt(nc, stream, at));
  }
  const { stream, sequence } = parsePosition(asOf);
  if (sequence === 0) return momentAt(new Date(0), async () => ({ sequence: 0, isKnown: true }));
  const message = await readAt(publisherOf(nc), stream, sequence);
  if (message === undefined) throw await reasonOfAbsence(nc, stream, sequence);
  const at = new Date(message.recordedAt);
  return momentAt(at, async (one) => (one === stream ? { sequence, isKnown: true } : placeAt(nc, one, at)));
}

async function momentAt(at: Date, placeIn: (stream: ProjectedStream) => Promise<Place>): Promise<Moment> {
  const [plant, telemetry] = await Promise.all([placeIn('PLANT'), placeIn('TELEMETRY')]);
  const agedOut = new Set<ProjectedStream>();
  if (!plant.isKnown) agedOut.add('PLANT');
  if (!telemetry.isKnown) agedOut.add('TELEMETRY');
  return { at, sequences: { PLANT: plant.sequence, TELEMETRY: telemetry.sequence }, agedOut };
}

async function reasonOfAbsence(nc: NatsConnection, stream: StreamName, sequence: number): Promise<Error> {
  const { first, last } = await lastSequence(nc, stream);
  return sequence > last
    ? new NoSuchMoment(`is in the future: ${stream} ends at ${positionOf(stream, last)}`)
    : new AgedOut(`is not there any more: ${stream} begins at ${positionOf(stream, first)}`);
}

/** The last sequence that a stream recorded up to an instant. */
async function placeAt(nc: NatsConnection, stream: ProjectedStream, at: Date): Promise<Place> {
  const publisher = publisherOf(nc);
  const justAfter = new Date(at.getTime() + 1).toISOString();
  const next = await readSince(publisher, stream, justAfter);
  if (next !== undefined) return placeBefore(nc, stream, next.sequence);
  const { first, last } = await lastSequence(nc, stream);
  // Something may have come in between.
  const late = await readSince(publisher, stream, justAfter);
  if (late !== undefined) return placeBefore(nc, stream, late.sequence);
  // Nobody knows when what has aged out altogether was recorded.
  return { sequence: last, isKnown: last === 0 || first <= last };
}

/** The place before the first message after an instant: the instant lies there only if the message before is still kept. */
async function placeBefore(nc: NatsConnection, stream: ProjectedStream, next: number): Promise<Place> {
  const sequence = next - 1;
  if (sequence === 0 || (await readAt(publisherOf(nc), stream, sequence)) !== undefined)
    return { sequence, isKnown: true };
  return { sequence, isKnown: (await lastSequence(nc, stream)).first < next };
}
