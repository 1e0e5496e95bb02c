import type { NatsConnection } from '@nats-io/transport-node';
import { parsePosition, positionSchema } from '@stratum/contracts/envelope.ts';
import {
  type RefusalReason,
  type RefusalView,
  refusalReasonSchema,
  refusalReasons,
} from '@stratum/contracts/telemetry/telemetry.ts';
import { z } from 'zod';
import { isOvertaken } from './errors.ts';
import type { StoredMessage } from './message.ts';
import { header, publisherOf } from './publisher.ts';
import { readPage } from './read.ts';
import { lastSequence } from './reader.ts';
import { retrying } from './wait.ts';

/** What is kept of a refused body, bytes; the rest stays in DEVICES for as long as that keeps it. */
const BODY_BYTES_MAX = 64 * 1024;
/** What of it is shown, characters. */
const BODY_SHOWN_MAX = 2_000;
const DETAIL_MAX = 500;
const PAGE_MAX = 200;
const decoder = new TextDecoder();

export type Refusal = {
  /** The position of what was refused: `DEVICES:12`; `MQTT:<name>` for what never came as far as a stream. */
  source: string;
  /** The subject it came on. */
  subject: string;
  reason: RefusalReason;
  /** One sentence for people. */
  detail: string;
  body: Uint8Array;
};

/**
 * Keeps what was refused, with the reason, in REFUSED; once, however often it is refused. Its subject is
 * `refused.<reason>.<stream>.<epoch>.<sequence>`, guarded to be the first for that source; the epoch says which stream of
 * that name it was.
 * @throws Unavailable, ServerRefused
 */
export async function refuse(nc: NatsConnection, refusal: Refusal): Promise<void> {
  const place = await placeOf(nc, refusal.source);
  const headers =
    header('Nats-Expected-Last-Subject-Sequence', '0') +
    header('Nats-Expected-Last-Subject-Sequence-Subject', `refused.*.${place}`) +
    header('Refused-Source', refusal.source) +
    header('Refused-Subject', refusal.subject) +
    header('Refused-Reason', refusal.reason) +
    header('Refused-Detail', oneLine(refusal.detail).slice(0, DETAIL_MAX));
  const body = refusal.body.subarray(0, BODY_BYTES_MAX);
  const publish = () => publisherOf(nc).publish(`refused.${refusal.reason}.${place}`, body, headers);
  try {
    await retrying(publish);
  } catch (error) {
    const isKeptAlready = isOvertaken(error);
    if (!isKeptAlready) throw error;
  }
}

/** A message of a foreign broker, by a name that is the same when the broker sends it again. */
const UNSTORED = /^MQTT:([A-Za-z0-9_-]{1,64})$/;

const epochs = new WeakMap<NatsConnection, Map<string, string>>();

/** The tokens of a source: its stream, when that was made, its sequence. A stream is asked for once per connection. */
async function placeOf(nc: NatsConnection, source: string): Promise<string> {
  const unstored = UNSTORED.exec(source)?.[1];
  if (unstored !== undefined) return `MQTT.${unstored}`;
  const { stream, sequence } = parsePosition(positionSchema.parse(source));
  const known = epochs.get(nc) ?? new Map<string, string>();
  epochs.set(nc, known);
  const epoch = known.get(stream) ?? Date.parse((await lastSequence(nc, stream)).created).toString(36);
  known.set(stream, epoch);
  return `${stream}.${epoch}.${sequence}`;
}

/** Refusals, newest first, at most 200; `before` (a sequence of REFUSED) continues a list. @throws Unavailable, ServerRefused */
export async function listRefusals(
  nc: NatsConnection,
  { before, limit }: { before?: number; limit: number },
): Promise<RefusalView[]> {
  const { first, last } = await lastSequence(nc, 'REFUSED');
  const end = Math.min(before ?? Infinity, last + 1);
  const start = Math.max(first, 1, end - Math.min(limit, PAGE_MAX));
  if (start >= end) return [];
  const messages = await readPage(publisherOf(nc), 'REFUSED', {
    from: start,
    subject: 'refused.>',
    limit: end - start,
  });
  return messages.map(viewOf).reverse();
}

const countsSchema = z.record(refusalReasonSchema, z.number());

/** How many refusals are kept, by reason. @throws Unavailable, ServerRefused */
export async function countRefusals(nc: NatsConnection): Promise<Record<RefusalReason, number>> {
  const publisher = publisherOf(nc);
  const counts = await Promise.all(
    refusalReasons.map(async (reason) => {
      const request = `{"seq":1,"next_by_subj":"refused.${reason}.>","batch":1}`;
      const { messages, pending } = await publisher.getBatch('REFUSED', request);
      return [reason, messages.length + pending] as const;
    }),
  );
  return countsSchema.parse(Object.fromEntries(counts));
}

function viewOf(message: StoredMessage): RefusalView {
  const text = (name: string) => message.headers.get(name) ?? '';
  return {
    position: `REFUSED:${message.sequence}`,
    refusedAt: message.recordedAt,
    subject: text('Refused-Subject'),
    reason: refusalReasonSchema.parse(text('Refused-Reason')),
    detail: text('Refused-Detail'),
    source: text('Refused-Source'),
    body: decoder.decode(message.data).slice(0, BODY_SHOWN_MAX),
  };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
