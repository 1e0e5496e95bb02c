import type { NatsConnection } from '@nats-io/nats-core';
import type { Collection } from 'mongodb';
import { decodeReading } from '../event-store/codec.ts';
import type { StoredMessage } from '../event-store/message.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readPage, readSince } from '../event-store/read.ts';
import { lastSequence } from '../event-store/reader.ts';
import { AgedOut, NoSuchMoment } from './moment.ts';
import { type AnyProjection, foldOnce, type Past, type ReadModelDocument } from './projection.ts';
import { firstOf, type Queried, type Question, queriedBy } from './queried.ts';
import { type Version, versionId } from './versions.ts';

/** So many readings are folded for one question. */
const READINGS_MAX = 100_000;
/** Documents that are folded again at once. */
const AT_ONCE_MAX = 8;
const PAGE_SIZE = 1_000;
const TOO_LONG_AGO = 'is too long ago: readings of that time are not kept any more';

/** A read model of TELEMETRY at a sequence. */
export type SubjectOptions = {
  nc: NatsConnection;
  projection: AnyProjection;
  past: Past<ReadModelDocument>;
  live: Collection<ReadModelDocument>;
  versions: Collection<Version>;
  sequence: number;
  /** No reading that is as old as the question is left, so that nobody knows at which sequence it was. */
  hasAgedOut: boolean;
};

/**
 * A collection as it was after the reading at `sequence`. A document that no reading since has changed is the one in the
 * collection; another is folded from the last that was kept, or from where its readings begin, with the readings of its
 * subject alone. Questions name documents by `_id`, so that few are folded.
 * Throws `AgedOut` when readings that are needed are not kept any more, `NoSuchMoment` when they are more than 100,000.
 */
export function asOfSubject(options: SubjectOptions): Queried<ReadModelDocument> {
  const { nc, projection, past, live, versions, sequence, hasAgedOut } = options;
  const publisher = publisherOf(nc);
  let readings = 0;

  return queriedBy(answer, async (filter) => {
    return (await answer({ filter, sort: { _id: 1 }, limit: undefined })).length;
  });

  async function answer(question: Question<ReadModelDocument>): Promise<ReadModelDocument[]> {
    const other = [...Object.keys(question.filter), ...Object.keys(question.sort)].find((field) => field !== '_id');
    if (other !== undefined) throw new TypeError(`${projection.name} of the past is asked by _id, not by ${other}`);
    const now = await live.find(question.filter).toArray();
    if (hasAgedOut && now.length > 0) throw new AgedOut(TOO_LONG_AGO);
    const then: ReadModelDocument[] = [];
    for (let start = 0; start < now.length; start += AT_ONCE_MAX) {
      const some = await Promise.all(now.slice(start, start + AT_ONCE_MAX).map(asItWas));
      then.push(...some.filter((document) => document !== undefined));
    }
    return firstOf(then, question);
  }

  async function asItWas(document: ReadModelDocument): Promise<ReadModelDocument | undefined> {
    if (document._position <= sequence) return document;
    const key = document._id;
    const [kept] = await versions
      .find({ _id: { $gte: versionId(key, 0), $lte: versionId(key, sequence) } })
      .sort({ _id: -1 })
      .limit(1)
      .toArray();
    if (kept !== undefined && kept.until > sequence) return kept.document;
    const firstLeft = (await lastSequence(nc, 'TELEMETRY')).first;
    const from = kept === undefined ? await firstOfAll(key, firstLeft) : kept.document._position + 1;
    if (from < firstLeft) throw new AgedOut(TOO_LONG_AGO);
    return foldFrom(from, key, kept?.document);
  }

  /** The first sequence that can matter to a document. */
  async function firstOfAll(key: string, firstLeft: number): Promise<number> {
    if (past.since === undefined) return 1;
    const message = await readSince(publisher, 'TELEMETRY', past.since(key));
    // Where the log begins later than that, what lay before may have mattered.
    if (message === undefined) return sequence + 1;
    return message.sequence === firstLeft ? 1 : message.sequence;
  }

  async function foldFrom(
    from: number,
    key: string,
    kept: ReadModelDocument | undefined,
  ): Promise<ReadModelDocument | undefined> {
    const subject = `telemetry.*.${past.subject(key)}`;
    let document = kept;
    for (let next = from; next <= sequence; ) {
      const page = await readPage(publisher, 'TELEMETRY', { from: next, subject, limit: PAGE_SIZE });
      const its = page.filter((message) => message.sequence <= sequence);
      readings += its.length;
      if (readings > READINGS_MAX) {
        throw new NoSuchMoment(`needs more than ${READINGS_MAX} readings to be folded again; ask for fewer documents`);
      }
      document = its.reduce((folded, message) => foldReading(folded, message, key), document);
      const last = page.at(-1);
      if (last === undefined || its.length < PAGE_SIZE) break;
      next = last.sequence + 1;
    }
    return document;
  }

  function foldReading(document: ReadModelDocument | undefined, message: StoredMessage, key: string) {
    const event = decodeReading(message);
    return projection.keys(event).includes(key) ? foldOnce(projection, document, event, key) : document;
  }
}
