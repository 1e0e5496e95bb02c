import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Position, positionOf } from '@stratum/contracts/envelope.ts';
import { telemetrySubject } from '@stratum/contracts/subjects.ts';
import { type Reading, readingV1 } from '@stratum/contracts/telemetry/telemetry.ts';
import { LRUCache } from 'lru-cache';
import { isOvertaken, NotInContract, TooMuchContention } from './errors.ts';
import { header, publisherOf } from './publisher.ts';
import { keyedQueue } from './queue.ts';
import { readLast } from './read.ts';
import { lastSequence } from './reader.ts';
import { backoffMs, retrying, waitMs } from './wait.ts';

/** Twins whose last message is kept in mind. */
const TWINS_MAX = 100_000;
/** Tries per reading against rivals that write the same twin. */
const ATTEMPTS_MAX = 20;
/** Carried forward on every message of a twin: `<sequence>@<created>` of the newest DEVICES message behind its readings. */
const INBOX_HEADER = 'Stratum-Inbox';

export type ReadingToAppend = {
  site: string;
  twinId: string;
  reading: Reading;
  /** Names the observation: the same name twice in a row, or within two minutes, is recorded once. Random if left out. */
  messageId?: string;
  /** Sequence of the DEVICES message that brought the reading; one twin's must come in order. */
  inbox?: number;
};

/** `duplicate`: nothing was recorded, because it was before; `position` is then where, or where its twin's newest is. */
export type AppendedReading = { position: Position; duplicate: boolean };

/** The log of readings. */
export type TelemetryLog = {
  /**
   * Records a reading of a twin, exactly once: whoever repeats a DEVICES message, however late, adds nothing. Readings of
   * one twin are recorded in the order of the calls, those of many at once.
   * @throws NotInContract, TooMuchContention, Unavailable, ServerRefused, Overloaded
   */
  append(reading: ReadingToAppend): Promise<AppendedReading>;
};

/** What the newest message of a twin's subject says. */
type Tail = { sequence: number; inbox: number; messageId: string };

/**
 * Opens the log of readings on TELEMETRY. Each append is guarded by the twin's newest sequence; on conflict the newest
 * message is read and the reading judged again. The watermark names the DEVICES stream by when it was created, so that the
 * numbers of a new one are not mistaken for those of the old.
 */
export async function openTelemetryLog(nc: NatsConnection): Promise<TelemetryLog> {
  const publisher = publisherOf(nc);
  const { created: epoch } = await lastSequence(nc, 'DEVICES');
  const epochName = Date.parse(epoch).toString(36);
  const tails = new LRUCache<string, Tail>({ max: TWINS_MAX });
  const inTurn = keyedQueue();

  return {
    append: async ({ site, twinId, reading, inbox, messageId = nameOf(twinId, inbox) }) => {
      const subject = telemetrySubject(site, twinId);
      const body = encode(reading);
      return inTurn(subject, () => appendInTurn({ subject, body, messageId, inbox: inbox ?? 0 }));
    },
  };

  function nameOf(twinId: string, inbox: number | undefined): string {
    return inbox === undefined ? randomUUID() : `${twinId}-${inbox}-${epochName}`;
  }

  async function appendInTurn(message: Message): Promise<AppendedReading> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const outcome = await retrying(() => appendOnce(message));
      if (outcome !== 'conflict') return outcome;
      // The rival's message can be read at once, but for a replica that is behind.
      if (attempt > 1) await waitMs(backoffMs(attempt - 1));
    }
    throw new TooMuchContention(message.subject, ATTEMPTS_MAX);
  }

  async function appendOnce({ subject, body, inbox, messageId }: Message): Promise<AppendedReading | 'conflict'> {
    try {
      const tail = tails.get(subject) ?? (await loadTail(subject));
      const isRecorded = (inbox > 0 && inbox <= tail.inbox) || messageId === tail.messageId;
      if (isRecorded) return { position: positionOf('TELEMETRY', tail.sequence), duplicate: true };
      const watermark = Math.max(inbox, tail.inbox);
      const headers =
        header('Nats-Expected-Last-Subject-Sequence', String(tail.sequence)) +
        header('Nats-Msg-Id', messageId) +
        header('ce-id', messageId) +
        header(INBOX_HEADER, `${watermark}@${epoch}`) +
        CLOUD_EVENT;
      const { sequence, isDuplicate } = await publisher.publish(subject, body, headers);
      tails.set(subject, isDuplicate ? { ...tail, inbox: watermark } : { sequence, inbox: watermark, messageId });
      return { position: positionOf('TELEMETRY', sequence), duplicate: isDuplicate };
    } catch (error) {
      // Whatever it was, the message may be there: the log says.
      tails.delete(subject);
      if (isOvertaken(error)) return 'conflict';
      throw error;
    }
  }

  async function loadTail(subject: string): Promise<Tail> {
    const last = await readLast(publisher, 'TELEMETRY', subject);
    if (last === undefined) return { sequence: 0, inbox: 0, messageId: '' };
    const [inbox = '0', ofEpoch = ''] = (last.headers.get(INBOX_HEADER) ?? '').split('@');
    return {
      sequence: last.sequence,
      inbox: ofEpoch === epoch ? Number(inbox) : 0,
      messageId: last.headers.get('Nats-Msg-Id') ?? '',
    };
  }
}

type Message = { subject: string; body: Uint8Array; messageId: string; inbox: number };

const CLOUD_EVENT =
  header('ce-specversion', '1.0') +
  header('ce-type', 'ReadingRecorded') +
  header('ce-source', '/services/telemetry') +
  header('ce-dataschema', 'urn:stratum:schema:ReadingRecorded.v1');

function encode(reading: Reading): Uint8Array {
  const parsed = readingV1.safeParse(reading);
  if (!parsed.success) throw new NotInContract(`no reading: ${parsed.error.message}`, { cause: parsed.error });
  return Buffer.from(JSON.stringify(parsed.data));
}
