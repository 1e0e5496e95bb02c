import type { NatsConnection } from '@nats-io/nats-core';
import type { Collection } from 'mongodb';
import { decodeReading } from '../event-store/codec.ts';
import type { StoredMessage } from '../event-store/message.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readSince, readUpTo, untilHeld } from '../event-store/read.ts';
import { lastSequence } from '../event-store/reader.ts';
import { AgedOut, NoSuchMoment } from './moment.ts';
import { type AnyProjection, foldOnce, type Past, type ReadModelDocument } from './projection.ts';
import { firstOf, type Queried, type Question, queriedBy } from './queried.ts';
import { type Version, versionId } from './versions.ts';

/** So many readings are folded for one question. */
const READINGS_MAX = 100_000;
/** Documents of one question that are looked up at once. */
const AT_ONCE_MAX = 8;
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
  /** Lets a document be folded when it is its turn among all questions. */
  inTurn: <Result>(task: () => Promise<Result>) => Promise<Result>;
};

/**
 * A collection as it was after the reading at `sequence`. A document that no reading since has changed is the one in the
 * collection; another is folded from the last that was kept, or from where its readings begin, with the readings of its
 * subject alone. Questions name documents by `_id`, so that few are folded.
 * Throws `AgedOut` when readings that are needed are not kept any more, `NoSuchMoment` when they are more than 100,000.
 */
export function asOfSubject(options: SubjectOptions): Queried<ReadModelDocument> {
  const { nc, projection, past, live, versions, sequence, hasAgedOut, inTurn } = options;
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
    if (document._position < firstLeft) throw new AgedOut(TOO_LONG_AGO);
    const from = kept === undefined ? await firstOfAll(key, firstLeft) : kept.document._position + 1;
    if (from < firstLeft) throw new AgedOut(TOO_LONG_AGO);
    return inTurn(() => foldFrom(from, key, kept?.document));
  }

  /** The first sequence that can matter to a document that some reading has changed which is still there. */
  async function firstOfAll(key: string, firstLeft: number): Promise<number> {
    if (past.since === undefined) return 1;
    const since = past.since(key);
    const { sequence } = await untilHeld(`what came since ${since}`, () => readSince(publisher, 'TELEMETRY', since));
    // Where the log begins later than that, what lay before may have mattered.
    return sequence === firstLeft ? 1 : sequence;
  }

  /** A later reading of the subject is still there, because the document was changed by it: the log goes on at least so far. */
  async function foldFrom(
    from: number,
    key: string,
    kept: ReadModelDocument | undefined,
  ): Promise<ReadModelDocument | undefined> {
    const subject = `telemetry.*.${past.subject(key)}`;
    let document = kept;
    for await (const page of readUpTo(publisher, 'TELEMETRY', { from, upTo: sequence, subject })) {
      readings += page.length;
      if (readings > READINGS_MAX) {
        throw new NoSuchMoment(`needs more than ${READINGS_MAX} readings to be folded again; ask for fewer documents`);
      }
      document = page.reduce((folded, message) => foldReading(folded, message, key), document);
    }
    return document;
  }

  function foldReading(document: ReadModelDocument | undefined, message: StoredMessage, key: string) {
    const event = decodeReading(message);
    return projection.keys(event).includes(key) ? foldOnce(projection, document, event, key) : document;
  }
}
