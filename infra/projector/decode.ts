import { decodeEvent, type RawMessage } from '../event-store/reader.ts';
import type { ProjectedEvent } from './projection.ts';

/**
 * The events of a batch, up to sequence `upTo`, which the broker recorded at `recordedAt`; `poison` is the message behind it
 * that could not be read, if any.
 */
export type DecodedBatch = {
  events: readonly ProjectedEvent[];
  upTo: number;
  recordedAt: string;
  poison?: { sequence: number; error: unknown };
};

/**
 * Reads a batch of messages. Types that this program does not know are left out. A message that cannot be read as what it
 * says it is hides a fact from every projection: nothing behind it is decoded.
 */
export function decodeAll(messages: readonly RawMessage[]): DecodedBatch {
  const events: ProjectedEvent[] = [];
  let upTo = 0;
  let recordedAt = '';
  for (const message of messages) {
    try {
      const event = decodeEvent(message);
      if (event !== undefined) events.push(event);
      upTo = message.sequence;
      recordedAt = message.recordedAt;
    } catch (error) {
      return { events, upTo, recordedAt, poison: { sequence: message.sequence, error } };
    }
  }
  return { events, upTo, recordedAt };
}
