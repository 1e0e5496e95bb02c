import { positionSchema } from '@stratum/contracts/envelope.ts';
import { z } from 'zod';

/**
 * Spread into the querystring schema of every query of a read model: the answer then contains what was recorded up to
 * that position, or is 503 with Retry-After. A command answers with the position to ask for.
 */
export const afterQuery = {
  after: positionSchema.optional().describe('Answer only with what was recorded up to this position (waits up to 2 s)'),
};

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
