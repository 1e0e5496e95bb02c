import { actorSchema, parsePosition, positionOf, positionSchema } from '@stratum/contracts/envelope.ts';
import { type EventsPage, eventsPage } from '@stratum/contracts/http.ts';
import { entities, tokenSchema } from '@stratum/contracts/subjects.ts';
import type { StoredMessage } from '@stratum/infra/event-store/message.ts';
import { type Publisher, publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readPage } from '@stratum/infra/event-store/read.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { openActorNames } from '@stratum/infra/http/actor-names.ts';
import { limitQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';
import {
  type AuditedEvent,
  type AuditFilter,
  isNarrow,
  matches,
  nextSize,
  STRETCH_MIN,
  type Stretch,
  stretchBefore,
  subjectFor,
} from './page.ts';

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
/** Events read for one answer at most; what is not found by then is looked for by the next request. */
const READ_MAX = 20_000;
/** Sequences looked back over for one answer at most, where the log's index does the looking. */
const SCANNED_MAX = 1_000_000;

const decoder = new TextDecoder();

/** The plant's log as it was recorded, for auditors: nothing upcast, nothing left out; beside who did it stands the person's name. */
export const auditRoutes: Routes<Pick<ApiDeps, 'nc'>> = (app, { nc }) => {
  const actorNames = openActorNames(nc);
  app.get(
    '/api/events',
    {
      onRequest: requires('log:read'),
      schema: {
        tags: ['audit'],
        summary: 'Read the log, newest first',
        description:
          'An answer looks back over a bounded part of the log; `scanned` says how many sequences, and `next` goes on from there, ' +
          'also when nothing was found in it.',
        querystring: z.object({
          type: z.string().max(64).optional().describe('Type of event, such as OrderPlaced'),
          entity: z.enum(entities).optional(),
          subject: tokenSchema.optional().describe('Id of an aggregate, such as ORD-…'),
          actor: actorSchema.optional(),
          before: positionSchema.startsWith('PLANT:', 'must be a place in PLANT').optional(),
          limit: limitQuery(PAGE_DEFAULT, PAGE_MAX),
        }),
        response: { 200: eventsPage },
      },
    },
    async (request) => {
      const { before, limit, ...filter } = request.query;
      const { first, last } = await lastSequence(nc, 'PLANT');
      const end = before === undefined ? last : Math.min(last, parsePosition(before).sequence - 1);
      const { events, ...rest } = await lookBack(publisherOf(nc), definedOnly(filter), { first, end, limit });
      const nameOf = await actorNames(events.map(({ actor }) => actor));
      return { events: events.map((event) => ({ ...event, actorName: nameOf(event.actor) })), ...rest };
    },
  );
};

/** Walks from `end` towards the first event, stretch by stretch, until the page is full or enough was looked at. */
async function lookBack(
  publisher: Publisher,
  filter: AuditFilter,
  { first, end, limit }: { first: number; end: number; limit: number },
): Promise<Pick<EventsPage, 'next' | 'scanned'> & { events: AuditedEvent[] }> {
  const subject = subjectFor(filter);
  const isNarrowed = isNarrow(subject);
  const scannedMax = isNarrowed ? SCANNED_MAX : READ_MAX;
  const found: AuditedEvent[] = [];
  let size = STRETCH_MIN;
  let scanned = 0;
  let read = 0;
  for (let stretch = stretchBefore(end, first, size); stretch !== undefined; ) {
    const messages = await readStretch(publisher, subject, stretch);
    if (messages === undefined) {
      size = Math.max(STRETCH_MIN, Math.floor(size / 2));
      stretch = stretchBefore(stretch.to, first, size);
      continue;
    }
    for (const message of messages.toReversed()) {
      const event = auditedOf(message);
      if (!matches(event, filter)) continue;
      found.push(event);
      if (found.length < limit) continue;
      scanned += stretch.to - message.sequence + 1;
      return { events: found, next: message.sequence > first ? positionOf('PLANT', message.sequence) : null, scanned };
    }
    scanned += stretch.to - stretch.from + 1;
    read += messages.length;
    const isEnough = scanned >= scannedMax || read >= READ_MAX;
    if (isEnough && stretch.from > first) return { events: found, next: positionOf('PLANT', stretch.from), scanned };
    size = nextSize(size, messages.length, isNarrowed);
    stretch = stretchBefore(stretch.from - 1, first, size);
  }
  return { events: found, next: null, scanned };
}

/** The messages of a stretch, oldest first; `undefined` if there are more than one request reads. */
async function readStretch(
  publisher: Publisher,
  subject: string,
  { from, to }: Stretch,
): Promise<StoredMessage[] | undefined> {
  const page = await readPage(publisher, 'PLANT', { from, subject, limit: STRETCH_MIN });
  const isWhole = page.length < STRETCH_MIN || (page.at(-1)?.sequence ?? 0) >= to;
  return isWhole ? page.filter(({ sequence }) => sequence <= to) : undefined;
}

/** An event as it stands in the log: what its headers say, and its data as it was written. */
function auditedOf({ subject, sequence, recordedAt, headers, data }: StoredMessage): AuditedEvent {
  const text = (name: string): string => headers.get(name) ?? '';
  return {
    position: positionOf('PLANT', sequence),
    type: text('ce-type'),
    entity: subject.split('.')[2] ?? '',
    recordedAt,
    occurredAt: text('ce-time'),
    actor: text('ce-actor'),
    data: z.record(z.string(), z.unknown()).parse(JSON.parse(decoder.decode(data))),
    id: text('ce-id'),
    subject: text('ce-subject'),
    causationId: text('ce-causationid'),
    correlationId: text('ce-correlationid'),
    version: Number(/\.v(\d+)$/.exec(text('ce-dataschema'))?.[1] ?? 1),
  };
}

function definedOnly(filter: { [Key in keyof AuditFilter]?: string | undefined }): AuditFilter {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}
