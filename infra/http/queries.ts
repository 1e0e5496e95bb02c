import { instantSchema, type Position, positionOf, positionSchema } from '@stratum/contracts/envelope.ts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ReadModels, View } from '../projector/read-models.ts';
import { invalidRequest } from './problems.ts';

/** Header of answers about the past: the positions of PLANT and TELEMETRY that they are of, with a blank between. */
export const AS_OF_HEADER = 'stratum-as-of';

/**
 * Spread into the querystring schema of every query of a read model: the answer then contains what was recorded up to
 * that position, or is 503 with Retry-After. A command answers with the position to ask for.
 */
export const afterQuery = {
  after: positionSchema.optional().describe('Answer only with what was recorded up to this position (waits up to 2 s)'),
};

/**
 * Spread into the querystring schema of every query of a read model, beside what it asks: `after` as above, or `asOf`, an
 * instant or a position: then the answer is what it was then, whatever was recorded since.
 */
export const viewQuery = {
  ...afterQuery,
  asOf: z
    .string()
    .refine(
      (text) => instantSchema.safeParse(text).success || positionSchema.safeParse(text).success,
      'must be a UTC instant such as 2026-11-24T20:15:00Z, or a position such as PLANT:1234',
    )
    .optional()
    .describe('Answer as of this UTC instant or position: with what was recorded up to then, and nothing since'),
};

type ViewQuery = { after?: Position | undefined; asOf?: string | undefined };

/** A query's read models, and the instant that is now for it. */
export type QueryView = View & { readonly now: Date };

/**
 * The read models that a query asks: as they are, or as they were. An answer about the past says of which positions it is.
 * @throws Problem 400, NoSuchMoment, AgedOut, NotYet
 */
export async function openView(
  { readModels, now }: { readModels: ReadModels; now: () => Date },
  { query: { after, asOf }, names, reply }: { query: ViewQuery; names: readonly string[]; reply: FastifyReply },
): Promise<QueryView> {
  if (asOf === undefined) return { ...(await readModels.view(after, names)), now: now() };
  if (after !== undefined) {
    throw invalidRequest([{ field: 'asOf', message: 'asks about the past, `after` about now: give one of them' }]);
  }
  const view = await readModels.viewAsOf(asOf, names, now());
  const { at, sequences } = view.moment;
  reply.header(AS_OF_HEADER, `${positionOf('PLANT', sequences.PLANT)} ${positionOf('TELEMETRY', sequences.TELEMETRY)}`);
  return { ...view, now: at };
}

/** A page size: `limitQuery(50, 200)` is 50 when not given and 200 at most. */
export function limitQuery(limitDefault: number, limitMax: number) {
  return z.coerce
    .number()
    .int('must be a whole number')
    .min(1)
    .max(limitMax)
    .default(limitDefault)
    .describe(`How many at most, up to ${limitMax}`);
}
