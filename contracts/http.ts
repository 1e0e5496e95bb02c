import { z } from 'zod';
import { instantSchema, positionSchema } from './envelope.ts';
import { timelineEntry } from './order/order.ts';

/** RFC 9457 problem details; `errors` name the fields that are wrong, `code` the business reason of a 409. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string().optional(),
  instance: z.string().optional(),
  code: z.string().optional(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  correlationId: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** Answer of every command. */
export const commandAnswer = z.object({ id: z.string(), position: positionSchema });
export type CommandAnswer = z.infer<typeof commandAnswer>;

/** One document of a read model as the live feed sends it (`event: document`). */
export const liveDocument = z.object({
  collection: z.string(),
  id: z.string(),
  document: z.record(z.string(), z.unknown()),
});
export type LiveDocument = z.infer<typeof liveDocument>;

/** `GET /api/events?type=&entity=&subject=&actor=&before=&limit=`: the plant log, newest first. `scanned` says how far back the page looked. */
export const eventsPage = z.object({
  events: z.array(
    timelineEntry.extend({
      id: z.string(),
      subject: z.string(),
      causationId: z.string(),
      correlationId: z.string(),
      version: z.number().int(),
    }),
  ),
  next: positionSchema.nullable(),
  scanned: z.number().int(),
});
export type EventsPage = z.infer<typeof eventsPage>;

/** `GET /health`: what works and how far each projection is behind. */
export const healthView = z.object({
  status: z.enum(['ok', 'degraded']),
  time: instantSchema,
  parts: z.record(z.string(), z.object({ status: z.enum(['ok', 'failed']), detail: z.string().optional() })),
  projections: z.array(
    z.object({
      name: z.string(),
      position: z.number().int(),
      last: z.number().int(),
      lag: z.number().int(),
      status: z.enum(['running', 'stopped']),
      error: z.string().optional(),
      /** The process that builds it, or was the last to. */
      ledBy: z.string().optional(),
      /** Events that were left out since that process began, because it does not know their types. */
      skipped: z.array(z.object({ type: z.string(), count: z.number().int() })).optional(),
    }),
  ),
});
export type HealthView = z.infer<typeof healthView>;
