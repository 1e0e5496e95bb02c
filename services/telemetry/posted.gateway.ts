import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Position, parsePosition, positionOf } from '@stratum/contracts/envelope.ts';
import { telemetrySubject } from '@stratum/contracts/subjects.ts';
import type { Reading } from '@stratum/contracts/telemetry/telemetry.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { limited } from '@stratum/infra/event-store/queue.ts';
import { subjectPages } from '@stratum/infra/event-store/read.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import type { TelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import { z } from 'zod';

/** Twins looked through at once, of all requests together: each holds a page of 1,000 readings meanwhile. */
const SEARCHES_MAX = 8;
const inSearch = limited(SEARCHES_MAX);

/** A reading that has been judged, and whose it is. */
export type JudgedReading = { site: string; twinId: string; reading: Reading };

/** One request's readings. `id` names the request, the same when it is sent again if `isNamed`. */
export type PostedBatch = { id: string; isNamed: boolean; readings: readonly JudgedReading[] };

/**
 * Records the readings of one request, each twin's in order and twins at once; answers the position of the last. A named
 * request that comes again, within a day, adds only what it did not get to the first time, whatever ended that.
 * @throws TooMuchContention, Unavailable, ServerRefused, Overloaded; what was recorded by then stays
 */
export async function recordPosted(nc: NatsConnection, log: TelemetryLog, batch: PostedBatch): Promise<Position> {
  const after = batch.isNamed ? await beganAfter(nc, batch.id) : undefined;
  const nameOf = (index: number) => `${batch.id}-${index}`;
  const byTwin = Map.groupBy(batch.readings.entries(), ([, { twinId }]) => twinId);
  const lasts = await Promise.all(
    [...byTwin.values()].map(async (readings) => {
      const [first] = readings;
      const messageIds = readings.map(([index]) => nameOf(index));
      const isNew = first === undefined || after === undefined;
      const recorded = isNew ? nothing : await inSearch(() => recordedAfter(nc, first[1], messageIds, after));
      let last = 0;
      for (const [index, { site, twinId, reading }] of readings) {
        const messageId = nameOf(index);
        const known = recorded.get(messageId);
        const position = known ?? (await log.append({ site, twinId, reading, messageId })).position;
        last = Math.max(last, parsePosition(position).sequence);
      }
      return last;
    }),
  );
  return positionOf('TELEMETRY', Math.max(...lasts));
}

const begunSchema = z.object({ after: z.number().int().min(0) });
const nothing: ReadonlyMap<string, Position> = new Map();

/**
 * Notes where TELEMETRY ended when the request came first; for one that came before, that place, else `undefined`. Of two
 * at once one is first, and the other looks behind the same place.
 */
async function beganAfter(nc: NatsConnection, id: string): Promise<number | undefined> {
  const requests = await bucket(nc, 'idempotency');
  const key = `telemetry.${id}`;
  const noted = await notedIn(requests, key);
  if (noted !== undefined) return noted;
  const { last } = await lastSequence(nc, 'TELEMETRY');
  try {
    await requests.create(key, JSON.stringify({ after: last }));
    return undefined;
  } catch (error) {
    const isTaken = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence;
    const rivals = isTaken ? await notedIn(requests, key) : undefined;
    if (rivals === undefined) throw error;
    return rivals;
  }
}

async function notedIn(requests: KV, key: string): Promise<number | undefined> {
  const entry = await requests.get(key);
  return entry?.operation === 'PUT' ? begunSchema.parse(entry.json()).after : undefined;
}

/** Where the readings of a request are that a twin's subject holds after a sequence, by message id. */
async function recordedAfter(
  nc: NatsConnection,
  { site, twinId }: JudgedReading,
  messageIds: readonly string[],
  after: number,
): Promise<ReadonlyMap<string, Position>> {
  const recorded = new Map<string, Position>();
  const wanted = new Set(messageIds);
  for await (const page of subjectPages(publisherOf(nc), 'TELEMETRY', telemetrySubject(site, twinId), after)) {
    for (const { headers, sequence } of page) {
      const messageId = headers.get('Nats-Msg-Id') ?? '';
      if (wanted.has(messageId)) recorded.set(messageId, positionOf('TELEMETRY', sequence));
    }
    if (recorded.size === wanted.size) break;
  }
  return recorded;
}
