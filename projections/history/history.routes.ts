import type { NatsConnection } from '@nats-io/nats-core';
import { instantSchema, type Position, parsePosition, positionSchema } from '@stratum/contracts/envelope.ts';
import { telemetrySubject } from '@stratum/contracts/subjects.ts';
import { type HistoryPage, historyPage, type Reading, trendView } from '@stratum/contracts/telemetry/telemetry.ts';
import { type TwinDirectoryDocument, twinIdSchema } from '@stratum/contracts/twin/twin.ts';
import { decodeReading } from '@stratum/infra/event-store/codec.ts';
import { invalidRequest, notFound } from '@stratum/infra/http/problems.ts';
import { limitQuery, openView, type QueryView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { readBackwards } from '@stratum/infra/projector/read-backwards.ts';
import type { View } from '@stratum/infra/projector/read-models.ts';
import { z } from 'zod';
import { type Grain, type HistoryDocument, historyKey, hours } from './buckets.ts';
import { samplesOfDocuments, samplesOfReadings } from './samples.ts';
import { bucketed, fromReadings, grainFor, RAW_MS_MAX, type Range, stepFor } from './trend.ts';

const ROWS_DEFAULT = 50;
const ROWS_MAX = 1_000;
const PX_DEFAULT = 800;
const PX_MAX = 4_000;
const RANGE_MS_DEFAULT = 24 * 3_600_000;
const RANGE_DAYS_MAX = 400;
/** A chart is made of at most so many readings; where there are more, of minutes. */
const READINGS_MAX = 10_000;
/** History that is younger than this may not be in the database yet. */
const UNWRITTEN_MS_MAX = 120_000;

const telemetryPosition = positionSchema.regex(/^TELEMETRY:/, 'must be a position of TELEMETRY');
const trendNames = ['twin_directory', 'history_hours', 'history_days'];
const twinParams = z.object({ twinId: twinIdSchema });

/**
 * `GET /api/twin/:twinId/history?limit=&before=`: readings as recorded, newest first, straight from TELEMETRY.
 * `GET /api/twin/:twinId/trend?from=&to=&px=`: min, max and mean for charts; up to two hours of the readings themselves,
 * beyond that of minutes, beyond two days of quarter hours. Times are by observation.
 */
export const historyRoutes: Routes<ApiDeps> = (app, deps) => {
  app.get(
    '/api/twin/:twinId/history',
    {
      onRequest: requires('twins:read'),
      schema: {
        tags: ['twins'],
        summary: 'The readings of a twin, newest first',
        params: twinParams,
        querystring: z.object({
          asOf: viewQuery.asOf,
          before: telemetryPosition
            .optional()
            .describe('Only readings recorded before this position: `next` of a page'),
          limit: limitQuery(ROWS_DEFAULT, ROWS_MAX),
        }),
        response: { 200: historyPage },
      },
    },
    async ({ params: { twinId }, query }, reply): Promise<HistoryPage> => {
      const { limit } = query;
      const view = await openView(deps, { query, names: ['twin_directory'], reply });
      const twin = await twinOf(view, twinId);
      const before = earlierOf(sequenceOf(query.before), endOf(view));
      const messages = await readBackwards(deps.nc, { ...sourceOf(twin), before, limit });
      const rows = messages.map((message) => {
        const { data, recorded } = decodeReading(message);
        return { position: recorded.position, recordedAt: recorded.recordedAt, ...data };
      });
      return { rows, next: rows.length < limit ? null : (rows.at(-1)?.position ?? null) };
    },
  );

  app.get(
    '/api/twin/:twinId/trend',
    {
      onRequest: requires('twins:read'),
      schema: {
        tags: ['twins'],
        summary: 'Min, max and mean of a twin over a range, for charts',
        params: twinParams,
        querystring: z.object({
          ...viewQuery,
          from: instantSchema.optional().describe('24 hours before `to` if not given'),
          to: instantSchema.optional().describe('Now if not given, or the instant of `asOf`'),
          px: z.coerce.number('must be a number').int().min(10).max(PX_MAX).default(PX_DEFAULT),
        }),
        response: { 200: trendView },
      },
    },
    async ({ params: { twinId }, query }, reply) => {
      // As they are, only those are waited for that are asked: readings of just now come from the log.
      const names = query.asOf === undefined ? ['twin_directory'] : trendNames;
      const view = await openView(deps, { query, names, reply });
      const waitFor = (grain: Grain) => deps.readModels.waitFor(query.after, [grain.collection]);
      const twin = await twinOf(view, twinId);
      const range = rangeOf(query, view.now, RANGE_MS_DEFAULT);
      const isShort = isReadOneByOne(twin, range);
      if (isShort && isOver(view, range)) await waitFor(hours);
      const readings = isShort ? await readingsIn(deps.nc, view, twin, range) : undefined;
      if (readings === undefined) await waitFor(grainFor(range));
      const series =
        readings === undefined
          ? await seriesOfDocuments(view, twinId, range, query.px)
          : fromReadings(samplesIn(readings, range), range, query.px, twin.reportingPeriodSeconds);
      const { fromMs, toMs } = range;
      return { twinId, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), ...series };
    },
  );
};

/** The range a query names, `to` defaulting to now. Throws a 400 that names the field when it is empty or too long. */
export function rangeOf(
  query: { from?: string | undefined; to?: string | undefined },
  now: Date,
  msDefault: number,
): Range {
  const toMs = query.to === undefined ? now.getTime() : Date.parse(query.to);
  const fromMs = query.from === undefined ? toMs - msDefault : Date.parse(query.from);
  if (fromMs >= toMs) throw invalidRequest([{ field: 'from', message: 'must be before `to`' }]);
  if (toMs - fromMs > RANGE_DAYS_MAX * 86_400_000) {
    throw invalidRequest([{ field: 'from', message: `must be at most ${RANGE_DAYS_MAX} days before \`to\`` }]);
  }
  return { fromMs, toMs };
}

/** The twin as the directory knows it. @throws Problem 404 */
export async function twinOf(view: View, twinId: string): Promise<TwinDirectoryDocument> {
  const twin = await view.collection<TwinDirectoryDocument>('twin_directory').findOne({ _id: twinId });
  if (twin === null) throw notFound('twin', twinId);
  return twin;
}

/** The history documents that a range touches, oldest first. */
export function documentsIn(
  view: View,
  grain: Grain,
  twinId: string,
  { fromMs, toMs }: Range,
): Promise<HistoryDocument[]> {
  const $gte = historyKey(grain, twinId, new Date(fromMs).toISOString());
  const $lte = historyKey(grain, twinId, new Date(toMs).toISOString());
  return view.collection<HistoryDocument>(grain.collection).find({ _id: { $gte, $lte } }).sort({ _id: 1 }).toArray();
}

async function seriesOfDocuments(view: View, twinId: string, range: Range, px: number) {
  const grain = grainFor(range);
  const stepSeconds = stepFor(range, px, grain.bucketMs / 1000);
  const documents = await documentsIn(view, grain, twinId, range);
  return bucketed(samplesOfDocuments(grain, documents, range.fromMs, range.toMs), range, stepSeconds);
}

const samplesIn = (readings: readonly Reading[], { fromMs, toMs }: Range) => samplesOfReadings(readings, fromMs, toMs);

/** Whether a chart of a range is made of the readings themselves, unless they turn out to be too many. */
function isReadOneByOne(twin: TwinDirectoryDocument, range: Range): boolean {
  return range.toMs - range.fromMs <= RAW_MS_MAX && expectedIn(twin, range) <= READINGS_MAX;
}

function expectedIn(twin: TwinDirectoryDocument, { fromMs, toMs }: Range): number {
  return Math.ceil((toMs - fromMs) / 1000 / twin.reportingPeriodSeconds);
}

/**
 * The readings observed in a range, in no order, or `undefined` where they are too many. They are
 * looked for backwards from the last message that was folded into the hours of the range, so that readings which were
 * recorded long after they were observed are found as well.
 */
async function readingsIn(
  nc: NatsConnection,
  view: QueryView,
  twin: TwinDirectoryDocument,
  range: Range,
): Promise<Reading[] | undefined> {
  const limit = Math.min(1_000, expectedIn(twin, range) + ROWS_DEFAULT);
  const readings: Reading[] = [];
  let before = earlierOf(await lastInRange(view, twin, range), endOf(view));
  while (readings.length < READINGS_MAX) {
    const messages = await readBackwards(nc, { ...sourceOf(twin), before, limit });
    const page = messages.map((message) => decodeReading(message).data);
    readings.push(...page);
    const isOver = page.every((reading) => Date.parse(reading.observedAt) < range.fromMs);
    if (isOver || messages.length < limit) return readings;
    before = messages.at(-1)?.sequence;
  }
  return undefined;
}

/** The sequence before which all readings of a range are recorded; `undefined`: the end of the log. */
async function lastInRange(view: QueryView, twin: TwinDirectoryDocument, range: Range): Promise<number | undefined> {
  if (!isOver(view, range)) return undefined;
  const documents = await documentsIn(view, hours, twin._id, range);
  return Math.max(0, ...documents.map((document) => document._position)) + 1;
}

/** Whether a range ended so long ago that what was observed in it is in the database. */
function isOver(view: QueryView, range: Range): boolean {
  return range.toMs <= view.now.getTime() - UNWRITTEN_MS_MAX;
}

function sourceOf(twin: TwinDirectoryDocument): { stream: 'TELEMETRY'; subject: string } {
  return { stream: 'TELEMETRY', subject: telemetrySubject(twin.site, twin._id) };
}

/** The sequence behind what a view of the past holds of TELEMETRY; `undefined`: the end of the log. */
function endOf({ moment }: View): number | undefined {
  return moment === undefined ? undefined : moment.sequences.TELEMETRY + 1;
}

function earlierOf(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

function sequenceOf(position: Position | undefined): number | undefined {
  return position === undefined ? undefined : parsePosition(position).sequence;
}
