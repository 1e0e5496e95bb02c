import { type ProductionDayDocument, productionView } from '@stratum/contracts/job/job.ts';
import { invalidRequest } from '@stratum/infra/http/problems.ts';
import { openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';

const DAY_MS = 86_400_000;
const DAYS_DEFAULT = 14;
const DAYS_MAX = 366;
/** A year of a dozen floors with two products each. */
const DOCUMENTS_MAX = 10_000;

const daySchema = z.iso.date('must be a day such as 2026-11-24');

/** What was made, per day, shopfloor and product. */
export const productionRoutes: Routes<Pick<ApiDeps, 'readModels' | 'now'>> = (app, deps) => {
  app.get(
    '/api/production',
    {
      onRequest: requires('production:read'),
      schema: {
        tags: ['jobs'],
        summary: 'Good and defective pieces and jobs on time, per UTC day, shopfloor and product',
        querystring: z.object({
          ...viewQuery,
          from: daySchema.optional().describe(`First day; ${DAYS_DEFAULT} days up to \`to\` when missing`),
          to: daySchema.optional().describe('Last day; today when missing, or the day of `asOf`'),
        }),
        response: { 200: productionView },
      },
    },
    async ({ query }, reply) => {
      const view = await openView(deps, { query, names: ['production_days'], reply });
      const { to = dayOf(view.now) } = query;
      const from = query.from ?? daysLater(to, 1 - DAYS_DEFAULT);
      checkRange(from, to);
      const days = await view
        .collection<ProductionDayDocument>('production_days')
        .find({ _id: { $gte: from, $lt: daysLater(to, 1) } })
        .sort({ _id: 1 })
        .limit(DOCUMENTS_MAX)
        .toArray();
      return { from, to, days };
    },
  );
};

function checkRange(from: string, to: string): void {
  if (from > to) throw invalidRequest([{ field: 'from', message: 'must not be after `to`' }]);
  if (from < daysLater(to, 1 - DAYS_MAX)) {
    throw invalidRequest([{ field: 'from', message: `must be at most ${DAYS_MAX} days before \`to\`` }]);
  }
}

function daysLater(day: string, days: number): string {
  return dayOf(new Date(Date.parse(day) + days * DAY_MS));
}

function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}
