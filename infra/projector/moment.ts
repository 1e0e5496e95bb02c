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

/** A moment of the past: everything recorded up to `at` (broker's time), as positions of the logs that read models are folded from. */
export type Moment = { at: Date; sequences: Record<ProjectedStream, number> };

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
    const [PLANT, TELEMETRY] = await Promise.all([lastUpTo(nc, 'PLANT', at), lastUpTo(nc, 'TELEMETRY', at)]);
    return { at, sequences: { PLANT, TELEMETRY } };
  }
  const { stream, sequence } = parsePosition(asOf);
  if (sequence === 0) return { at: new Date(0), sequences: { PLANT: 0, TELEMETRY: 0 } };
  const message = await readAt(publisherOf(nc), stream, sequence);
  if (message === undefined) throw await reasonOfAbsence(nc, stream, sequence);
  const at = new Date(message.recordedAt);
  const upTo = (one: ProjectedStream) => (one === stream ? sequence : lastUpTo(nc, one, at));
  const [PLANT, TELEMETRY] = await Promise.all([upTo('PLANT'), upTo('TELEMETRY')]);
  return { at, sequences: { PLANT, TELEMETRY } };
}

async function reasonOfAbsence(nc: NatsConnection, stream: StreamName, sequence: number): Promise<Error> {
  const { first, last } = await lastSequence(nc, stream);
  return sequence > last
    ? new NoSuchMoment(`is in the future: ${stream} ends at ${positionOf(stream, last)}`)
    : new AgedOut(`is not there any more: ${stream} begins at ${positionOf(stream, first)}`);
}

/** The last sequence that a stream recorded up to an instant. */
async function lastUpTo(nc: NatsConnection, stream: ProjectedStream, at: Date): Promise<number> {
  const justAfter = new Date(at.getTime() + 1).toISOString();
  const next = await readSince(publisherOf(nc), stream, justAfter);
  if (next !== undefined) return next.sequence - 1;
  const { last } = await lastSequence(nc, stream);
  // Something may have come in between.
  const late = await readSince(publisherOf(nc), stream, justAfter);
  return late === undefined ? last : late.sequence - 1;
}
