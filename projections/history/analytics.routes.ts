import type { OccurrenceDocument } from '@stratum/contracts/alert/alert.ts';
import { instantSchema } from '@stratum/contracts/envelope.ts';
import { analyticsView } from '@stratum/contracts/telemetry/telemetry.ts';
import { twinIdSchema } from '@stratum/contracts/twin/twin.ts';
import { openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import type { View } from '@stratum/infra/projector/read-models.ts';
import { z } from 'zod';
import { compareWeeks, partsOf, WEEK_MS } from './analytics.ts';
import { hours, quarters } from './buckets.ts';
import { documentsIn, rangeOf, twinOf } from './history.routes.ts';
import { type Sample, samplesOfDocuments } from './samples.ts';
import type { Range } from './trend.ts';

const names = ['twin_directory', 'history_days', 'history_hours', 'alert_occurrences'];

/**
 * `GET /api/analytics/:twinId?from=&to=`: per parameter mean, extremes and time outside its limits over a range (the last
 * seven days by default), beside the same range one week earlier, and how many alerts were raised in both.
 */
export const analyticsRoutes: Routes<ApiDeps> = (app, deps) => {
  app.get(
    '/api/analytics/:twinId',
    {
      onRequest: requires('analytics:read'),
      schema: {
        tags: ['analytics'],
        summary: 'Averages and time outside limits of a twin, this week against last',
        params: z.object({ twinId: twinIdSchema }),
        querystring: z.object({
          ...viewQuery,
          from: instantSchema.optional().describe('Seven days before `to` if not given'),
          to: instantSchema.optional().describe('Now if not given, or the instant of `asOf`'),
        }),
        response: { 200: analyticsView },
      },
    },
    async ({ params: { twinId }, query }, reply) => {
      const view = await openView(deps, { query, names, reply });
      const twin = await twinOf(view, twinId);
      const range = rangeOf(query, view.now, WEEK_MS);
      const before = { fromMs: range.fromMs - WEEK_MS, toMs: range.toMs - WEEK_MS };
      const [samples, samplesBefore, raised, raisedBefore] = await Promise.all([
        samplesIn(view, twinId, range),
        samplesIn(view, twinId, before),
        alertsRaised(view, twinId, range),
        alertsRaised(view, twinId, before),
      ]);
      return {
        twinId,
        from: new Date(range.fromMs).toISOString(),
        to: new Date(range.toMs).toISOString(),
        parameters: compareWeeks(twin, range, samples, samplesBefore),
        alerts: { raised, weekBefore: raisedBefore },
      };
    },
  );
};

async function samplesIn(view: View, twinId: string, range: Range): Promise<Sample[]> {
  const parts = partsOf(range);
  const pieces = [{ grain: quarters, part: parts.quarters }, ...parts.minutes.map((part) => ({ grain: hours, part }))];
  const found = await Promise.all(
    pieces.map(async ({ grain, part }) => {
      if (part.fromMs >= part.toMs) return [];
      const documents = await documentsIn(view, grain, twinId, part);
      return samplesOfDocuments(grain, documents, part.fromMs, part.toMs);
    }),
  );
  return found.flat();
}

/** The id of an occurrence begins with the instant at which it was raised. */
function alertsRaised(view: View, twinId: string, { fromMs, toMs }: Range): Promise<number> {
  const [$gte, $lt] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  return view.collection<OccurrenceDocument>('alert_occurrences').countDocuments({ _id: { $gte, $lt }, twinId });
}
