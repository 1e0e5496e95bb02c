import { z } from 'zod';
import { instantSchema, positionSchema } from '../envelope.ts';
import { parameterKeySchema, twinIdSchema } from '../twin/twin.ts';

/** A reading may hold at most this many values. */
export const VALUES_MAX = 64;

export const valuesSchema = z
  .record(parameterKeySchema, z.number())
  .refine((values) => Object.keys(values).length > 0, 'must hold at least one value')
  .refine((values) => Object.keys(values).length <= VALUES_MAX, `must hold at most ${VALUES_MAX} values`);

/**
 * What a device sends on `twins/<twinId>/telemetry`: `{"observedAt":"…","values":{"torque":88.2}}`. `observedAt` may be
 * missing; a flat object of numbers (`{"torque":88.2}`) is accepted too and means the values alone.
 */
export const deviceReadingSchema = z.union([
  z.strictObject({ observedAt: instantSchema.optional(), values: valuesSchema }),
  valuesSchema.transform((values) => ({ values, observedAt: undefined })),
]);

/** Body of a message in TELEMETRY: what was observed and what of it was outside the limits then in force. */
export const readingV1 = z.object({
  observedAt: instantSchema,
  values: z.record(z.string(), z.number()),
  outside: z.record(z.string(), z.enum(['high', 'low'])),
});
export type Reading = z.infer<typeof readingV1>;

/** At most this many readings in one `POST /api/telemetry`. */
export const READINGS_PER_REQUEST_MAX = 1000;

const postedReading = z.strictObject({
  twinId: twinIdSchema,
  observedAt: instantSchema.optional(),
  values: valuesSchema,
});
export const postTelemetryRequest = z.union([
  postedReading,
  z.strictObject({ readings: z.array(postedReading).min(1).max(READINGS_PER_REQUEST_MAX) }),
]);
export type PostedReading = z.infer<typeof postedReading>;
export const postTelemetryAnswer = z.object({ accepted: z.number().int(), position: positionSchema });

/** Why a device message was refused. Shown to people; counted per reason. */
export const refusalReasons = [
  'NotJson',
  'BadShape',
  'UnknownTwin',
  'UnknownParameter',
  'ObservedInFuture',
  'UnknownShopfloor',
  'UnknownOrder',
  'JobCompleted',
  'UnknownSubject',
  'TooLarge',
] as const;
export const refusalReasonSchema = z.enum(refusalReasons);
export type RefusalReason = z.infer<typeof refusalReasonSchema>;

/** A refused device message as `GET /api/refusals` lists it. `body` is cut after 2,000 characters. */
export const refusalView = z.object({
  position: z.string(),
  refusedAt: instantSchema,
  subject: z.string(),
  reason: refusalReasonSchema,
  detail: z.string(),
  source: z.string(),
  body: z.string(),
});
export type RefusalView = z.infer<typeof refusalView>;
/** `GET /api/refusals?before=&limit=`: newest first; `counts` are of all that are kept, by reason. */
export const refusalsPage = z.object({
  refusals: z.array(refusalView),
  counts: z.record(refusalReasonSchema, z.number().int()),
  next: z.string().nullable(),
});
export type RefusalsPage = z.infer<typeof refusalsPage>;

/**
 * Count, extremes, sum and last of one parameter in one bucket. By event time: `secondsObserved` is the time from each
 * reading to the next (a longer silence counts in part only), `secondsOutside` what of it was outside the limits.
 */
export const aggregateSchema = z.object({
  count: z.number().int(),
  min: z.number(),
  max: z.number(),
  sum: z.number(),
  last: z.number(),
  secondsObserved: z.number(),
  secondsOutside: z.number(),
});
export type ParameterAggregate = z.infer<typeof aggregateSchema>;

/** Buckets of one twin and hour (60 minutes) or one twin and UTC day (96 quarter hours); empty buckets are null. */
const bucketsOf = (count: number) =>
  z.object({
    _id: z.string(),
    twinId: z.string(),
    site: z.string(),
    from: instantSchema,
    parameters: z.record(z.string(), z.array(aggregateSchema.nullable()).length(count)),
    /** Newest observation folded so far per document, to count time between readings. */
    lastObservedAt: instantSchema,
    lastOutside: z.record(z.string(), z.enum(['high', 'low'])),
    _position: z.number().int(),
  });
/** Read model `history_hours`; `_id` = `<twinId>:2026-11-24T20`. */
export const historyHourDocument = bucketsOf(60);
export type HistoryHourDocument = z.infer<typeof historyHourDocument>;
/** Read model `history_days`; `_id` = `<twinId>:2026-11-24`. */
export const historyDayDocument = bucketsOf(96);
export type HistoryDayDocument = z.infer<typeof historyDayDocument>;

/** One row of the raw history, newest first. */
export const historyRow = z.object({
  position: positionSchema,
  observedAt: instantSchema,
  recordedAt: instantSchema,
  values: z.record(z.string(), z.number()),
  outside: z.record(z.string(), z.enum(['high', 'low'])),
});
/** `GET /api/twin/:twinId/history?limit=&before=`: raw rows from TELEMETRY; `before` continues a page. */
export const historyPage = z.object({ rows: z.array(historyRow), next: positionSchema.nullable() });
export type HistoryPage = z.infer<typeof historyPage>;

/**
 * `GET /api/twin/:twinId/trend?from=&to=&px=`: min, max and mean per bucket for charts, never more buckets than pixels.
 * `t` is the start of each bucket in epoch seconds; arrays are as long as `t`; null where nothing was observed.
 */
export const trendView = z.object({
  twinId: z.string(),
  from: instantSchema,
  to: instantSchema,
  resolutionSeconds: z.number(),
  t: z.array(z.number()),
  parameters: z.record(
    z.string(),
    z.object({
      min: z.array(z.number().nullable()),
      max: z.array(z.number().nullable()),
      mean: z.array(z.number().nullable()),
    }),
  ),
});
export type TrendView = z.infer<typeof trendView>;

const rangeSummary = z.object({
  count: z.number().int(),
  mean: z.number().nullable(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  secondsOutside: z.number(),
  secondsObserved: z.number(),
});
/**
 * `GET /api/analytics/:twinId?from=&to=`: per parameter the asked range beside the same range one week earlier.
 * Default range: the last 7 days. `daily` holds the mean per UTC day of both.
 */
export const analyticsView = z.object({
  twinId: z.string(),
  from: instantSchema,
  to: instantSchema,
  parameters: z.array(
    z.object({
      key: z.string(),
      name: z.string(),
      unit: z.string(),
      low: z.number(),
      high: z.number(),
      range: rangeSummary,
      weekBefore: rangeSummary,
      daily: z.array(z.object({ day: z.string(), mean: z.number().nullable(), weekBeforeMean: z.number().nullable() })),
    }),
  ),
  alerts: z.object({ raised: z.number().int(), weekBefore: z.number().int() }),
});
export type AnalyticsView = z.infer<typeof analyticsView>;
