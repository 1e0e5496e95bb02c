import { decodeEvent, type RawMessage } from '../event-store/reader.ts';
import type { ProjectedEvent } from './projection.ts';

/**
 * The events of a batch, up to sequence `upTo`, which the broker recorded at `recordedAt`; `skipped` are the types of those
 * left out; `poison` is the message behind it that could not be read, if any.
 */
export type DecodedBatch = {
  events: readonly ProjectedEvent[];
  upTo: number;
  recordedAt: string;
  skipped: readonly string[];
  poison?: { sequence: number; error: unknown };
};

/**
 * Reads a batch of messages. Types that this program does not know are left out. A message that cannot be read as what it
 * says it is hides a fact from every projection: nothing behind it is decoded.
 */
export function decodeAll(messages: readonly RawMessage[]): DecodedBatch {
  const events: ProjectedEvent[] = [];
  const skipped: string[] = [];
  let upTo = 0;
  let recordedAt = '';
  for (const message of messages) {
    try {
      const event = decodeEvent(message);
      if (event === undefined) skipped.push(message.headers.get('ce-type') ?? '');
      else events.push(event);
      upTo = message.sequence;
      recordedAt = message.recordedAt;
    } catch (error) {
      return { events, upTo, recordedAt, skipped, poison: { sequence: message.sequence, error } };
    }
  }
  return { events, upTo, recordedAt, skipped };
}
