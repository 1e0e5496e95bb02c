import type { NatsConnection } from '@nats-io/transport-node';
import type { StoredMessage } from '../event-store/message.ts';
import { type Publisher, publisherOf } from '../event-store/publisher.ts';
import { readLast, readPage } from '../event-store/read.ts';
import type { ProjectedStream } from './projection.ts';

/** Messages in one answer of the server. */
const PAGE_SIZE = 1_000;
/** So many messages may be read in vain, rather than looking again for a better place to begin. */
const SURPLUS_MAX = 1_000;
/** Looks for the place to begin; each at least doubles the view or halves what is in doubt. */
const LOOKS_MAX = 64;
/** How much wider the next look is: as much as the messages lie apart, and a little more, within these limits. */
const WIDEN_EXTRA = 1.2;
const WIDEN_MAX = 16;
/** Most messages in one call. */
export const BACKWARDS_MAX = 10_000;

export type BackwardsOptions = {
  stream: ProjectedStream;
  subject: string;
  /** Only messages before this sequence; the newest without it. */
  before?: number | undefined;
  /** So many messages at most, 1 to 10,000. */
  limit: number;
};

/**
 * The newest messages of one subject, newest first, before a sequence. A stream cannot be read backwards: where to begin
 * is found by asking how many messages of the subject are left from a guess on, which the server knows without reading
 * them. Fewer than `limit` means that there are no older ones.
 * @throws Unavailable, ServerRefused
 */
export async function readBackwards(nc: NatsConnection, options: BackwardsOptions): Promise<StoredMessage[]> {
  const { stream, subject, before } = options;
  const limit = Math.min(options.limit, BACKWARDS_MAX);
  const publisher = publisherOf(nc);
  const end = before ?? ((await readLast(publisher, stream, subject))?.sequence ?? 0) + 1;
  if (end <= 1) return [];
  const from = await placeToBegin(publisher, options, end, limit);
  const messages = await readRange(publisher, options, from, end);
  return messages.slice(-limit).reverse();
}

/** A sequence from which on there are `limit` messages before `end` and not many more; 1 where there are not so many. */
async function placeToBegin(
  publisher: Publisher,
  { stream, subject }: BackwardsOptions,
  end: number,
  limit: number,
): Promise<number> {
  const beyond = await countFrom(publisher, stream, subject, end);
  let tooNear = 0;
  let farEnough = end;
  let width = limit;
  for (let look = 0; look < LOOKS_MAX; look++) {
    width = Math.min(width, end - 1);
    const count = (await countFrom(publisher, stream, subject, end - width)) - beyond;
    if (count >= limit) farEnough = width;
    else tooNear = width;
    const isWell = count >= limit && count <= limit + SURPLUS_MAX;
    if (isWell || tooNear === end - 1) break;
    const wider = count === 0 ? WIDEN_MAX : Math.min(Math.max((limit / count) * WIDEN_EXTRA, 2), WIDEN_MAX);
    width = farEnough === end ? Math.ceil(width * wider) : Math.ceil((tooNear + farEnough) / 2);
  }
  return end - Math.min(farEnough, end - 1);
}

/** How many messages of a subject there are from a sequence on. */
async function countFrom(
  publisher: Publisher,
  stream: ProjectedStream,
  subject: string,
  sequence: number,
): Promise<number> {
  const request = `{"seq":${Math.max(1, sequence)},"next_by_subj":"${subject}","batch":1}`;
  const { messages, pending } = await publisher.getBatch(stream, request);
  return messages.length === 0 ? 0 : pending + 1;
}

/** Messages of the subject with sequences `from` to `end` - 1, oldest first. */
async function readRange(
  publisher: Publisher,
  { stream, subject }: BackwardsOptions,
  from: number,
  end: number,
): Promise<StoredMessage[]> {
  const found: StoredMessage[] = [];
  for (let next = from; next < end; ) {
    const page = await readPage(publisher, stream, { from: next, subject, limit: PAGE_SIZE });
    const wanted = page.filter((message) => message.sequence < end);
    found.push(...wanted);
    const last = page.at(-1);
    if (last === undefined || wanted.length < page.length || page.length < PAGE_SIZE) return found;
    next = last.sequence + 1;
  }
  return found;
}
