import type { Msg } from '@nats-io/transport-node';
import { Unavailable } from './errors.ts';
import { headersOf } from './headers.ts';
import type { StoredIn, StoredMessage } from './message.ts';
import type { Publisher } from './publisher.ts';
import { backoffMs, waitMs } from './wait.ts';

/** Messages per request; the server takes no more. */
const PAGE_SIZE = 1_000;
/** A copy that is behind catches up in milliseconds; after this many looks, some 1.6 s, it is taken for broken. */
const BEHIND_LOOKS_MAX = 5;

/**
 * Reads all messages of one subject after a sequence, oldest first; none is an empty list. One request per 1,000
 * messages, no consumer. Nothing that was acknowledged before the call is missing: where several servers keep the log, any
 * of them may answer and be behind, so the one that decides is asked how far the subject goes.
 * @throws Unavailable (also: a copy stayed behind), ServerRefused
 */
export async function readSubject(
  publisher: Publisher,
  stream: StoredIn,
  subject: string,
  after: number,
): Promise<StoredMessage[]> {
  const all: StoredMessage[] = [];
  for await (const page of subjectPages(publisher, stream, subject, after)) all.push(...page);
  return all;
}

/** As `readSubject`, page by page, so that a subject of any length takes the memory of 1,000 messages. */
export async function* subjectPages(
  publisher: Publisher,
  stream: StoredIn,
  subject: string,
  after: number,
): AsyncGenerator<StoredMessage[]> {
  const asking = publisher.isCluster ? publisher.getNewestSequence(stream, subject) : Promise.resolve(after);
  asking.catch(() => undefined);
  let reached = after;
  for (let look = 1; ; look++) {
    for (let pending = 1; pending > 0; ) {
      const request = `{"seq":${reached + 1},"next_by_subj":"${subject}","batch":${PAGE_SIZE}}`;
      const page = await publisher.getBatch(stream, request);
      const messages = page.messages.map((message) => storedOf(message));
      pending = messages.length === 0 ? 0 : page.pending;
      reached = messages.at(-1)?.sequence ?? reached;
      if (messages.length > 0) yield messages;
    }
    const newest = await asking;
    if (reached >= newest) return;
    if (look > BEHIND_LOOKS_MAX) throw new Unavailable(`a copy of ${stream} is behind ${newest}`);
    await waitMs(backoffMs(look));
  }
}

/** Reads the newest message of a subject, if there is one. @throws Unavailable, ServerRefused */
export async function readLast(
  publisher: Publisher,
  stream: StoredIn,
  subject: string,
): Promise<StoredMessage | undefined> {
  const last = await publisher.getLast(stream, subject);
  return last === undefined ? undefined : storedOf(last);
}

/** Reads the message at a sequence of a stream, if it is there. @throws Unavailable, ServerRefused */
export async function readAt(
  publisher: Publisher,
  stream: StoredIn,
  sequence: number,
): Promise<StoredMessage | undefined> {
  const { messages } = await publisher.getBatch(stream, `{"seq":${sequence},"batch":1}`);
  const [first] = messages.map((message) => storedOf(message));
  return first?.sequence === sequence ? first : undefined;
}

/** Reads the first message that a stream recorded at an instant or later, if there is one. @throws Unavailable, ServerRefused */
export async function readSince(
  publisher: Publisher,
  stream: StoredIn,
  recordedAt: string,
): Promise<StoredMessage | undefined> {
  const { messages } = await publisher.getBatch(stream, JSON.stringify({ start_time: recordedAt, batch: 1 }));
  return messages.map((message) => storedOf(message))[0];
}

/** Reads up to `limit` (1,000) messages from a sequence on, of the subjects that match. @throws Unavailable, ServerRefused */
export async function readPage(
  publisher: Publisher,
  stream: StoredIn,
  { from, subject, limit }: { from: number; subject: string; limit: number },
): Promise<StoredMessage[]> {
  const batch = Math.min(limit, PAGE_SIZE);
  const { messages } = await publisher.getBatch(stream, JSON.stringify({ seq: from, next_by_subj: subject, batch }));
  return messages.map((message) => storedOf(message));
}

/**
 * Pages of the messages of the subjects that match, from a sequence up to another, oldest first. The stream must have
 * acknowledged one of them at `upTo` or behind it: so no page is empty but that of a copy that is behind, which is asked again.
 * @throws Unavailable (also: a copy stayed behind), ServerRefused
 */
export async function* readUpTo(
  publisher: Publisher,
  stream: StoredIn,
  { from, upTo, subject }: { from: number; upTo: number; subject: string },
): AsyncGenerator<StoredMessage[]> {
  for (let next = from; next <= upTo; ) {
    const limit = upTo - next + 1;
    const page = await untilHeld(`${stream} up to ${upTo}`, async () => {
      const messages = await readPage(publisher, stream, { from: next, subject, limit });
      return messages.length === 0 ? undefined : messages;
    });
    yield page.filter(({ sequence }) => sequence <= upTo);
    next = (page.at(-1)?.sequence ?? upTo) + 1;
  }
}

/**
 * Asks for what a stream has acknowledged until the copy that answers has it too; `undefined` is that it has not.
 * @throws Unavailable when it stays behind, and what the question throws
 */
export async function untilHeld<Found>(what: string, ask: () => Promise<Found | undefined>): Promise<Found> {
  for (let look = 1; ; look++) {
    const found = await ask();
    if (found !== undefined) return found;
    if (look > BEHIND_LOOKS_MAX) throw new Unavailable(`a copy of the log stays behind ${what}`);
    await waitMs(backoffMs(look));
  }
}

function storedOf(message: Msg): StoredMessage {
  const headers = headersOf(message);
  return {
    subject: headers.get('Nats-Subject') ?? '',
    sequence: Number(headers.get('Nats-Sequence')),
    recordedAt: new Date(headers.get('Nats-Time-Stamp') ?? '').toISOString(),
    headers,
    data: message.data,
  };
}
