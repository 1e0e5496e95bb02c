import { z } from 'zod';
import { actorSchema, instantSchema } from './envelope.ts';

/** At most this many differing documents are named per read model; all of them are counted. */
export const DIFFERENCES_NAMED_MAX = 20;

/**
 * A document that is not what the log says. `changed`: another than the log's, in these fields (those at its top, at most
 * five); `missing`: the log has it, the read model has not; `surplus`: the read model has it, the log has not.
 */
export const differenceSchema = z.object({
  id: z.string(),
  how: z.enum(['changed', 'missing', 'surplus']),
  fields: z.array(z.string()),
});
export type Difference = z.infer<typeof differenceSchema>;

/**
 * One read model as it is served, beside what its log gives when it is folded again, both at the same position. Digests are
 * SHA-256 (hex) over all documents in `_id` order; equal digests are equal documents. `hasAgedOut`: the log no longer
 * begins at 1, so that a difference may be due to that alone. `rebuiltCollection` keeps what was rebuilt where it
 * differs, until the next rebuild begins.
 */
export const comparedSchema = z.object({
  name: z.string(),
  documents: z.number().int(),
  servedDigest: z.string(),
  rebuiltDigest: z.string(),
  differenceCount: z.number().int(),
  differences: z.array(differenceSchema).max(DIFFERENCES_NAMED_MAX),
  hasAgedOut: z.boolean(),
  rebuiltCollection: z.string().nullable(),
});
export type Compared = z.infer<typeof comparedSchema>;

/** How far a rebuild has read a stream: sequences. */
const readSoFar = z.object({
  stream: z.enum(['PLANT', 'TELEMETRY']),
  position: z.number().int(),
  last: z.number().int(),
});

/**
 * One rebuild of all read models beside those being served. `modelCount` is how many there are, `models` what was found
 * of those compared so far, `comparing` the one at hand and how many of its documents were looked at.
 */
export const rebuildRunSchema = z.object({
  id: z.string(),
  by: actorSchema,
  state: z.enum(['running', 'finished', 'cancelled', 'failed']),
  begunAt: instantSchema,
  endedAt: instantSchema.nullable(),
  read: z.array(readSoFar),
  comparing: z.object({ name: z.string(), documents: z.number().int() }).nullable(),
  modelCount: z.number().int(),
  models: z.array(comparedSchema),
  /** Why it failed; null if it did not. */
  error: z.string().nullable(),
});
export type RebuildRun = z.infer<typeof rebuildRunSchema>;

/** `GET /api/rebuild`: the rebuild under way or, if none is, the last one; null before the first. `died`: whoever ran it is gone. */
export const rebuildView = z.object({
  run: rebuildRunSchema
    .extend({ state: z.enum([...rebuildRunSchema.shape.state.options, 'died']), byName: z.string().nullable() })
    .nullable(),
});
export type RebuildView = z.infer<typeof rebuildView>;
