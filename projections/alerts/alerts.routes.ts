import {
  type AlarmState,
  type AlertDocument,
  alarmStateSchema,
  alertsView,
  LATEST_ALERTS,
  type OccurrenceDocument,
  occurrencesPage,
} from '@stratum/contracts/alert/alert.ts';
import { positionOf } from '@stratum/contracts/envelope.ts';
import { twinIdSchema } from '@stratum/contracts/twin/twin.ts';
import { limitQuery, openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';

const tags = ['alerts'];
/** The value is outside. */
const ACTIVE_STATES: readonly AlarmState[] = ['UNACK', 'ACKED'];
/** Back inside before anybody acknowledged it. */
const RETURNED_STATES: readonly AlarmState[] = ['RTNUN'];
/** A list of more than this helps nobody; the newest are kept. */
const LIST_MAX = 1_000;
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

/** The alarm page, and the history of alerts. */
export const alertsRoutes: Routes<Pick<ApiDeps, 'readModels' | 'now'>> = (app, deps) => {
  app.get(
    '/api/alerts',
    {
      onRequest: requires('alerts:read'),
      schema: {
        tags,
        summary: 'Active, returned, high-risk, persistent and latest alerts',
        description:
          'Active: UNACK or ACKED. Returned: RTNUN, back inside and not acknowledged. High risk: active with priority 1. ' +
          'Persistent: active for 5 minutes or more.',
        querystring: z.object({
          ...viewQuery,
          twin: twinIdSchema.optional().describe('Only alerts of this twin'),
          state: alarmStateSchema.optional().describe('Only alerts in this state'),
        }),
        response: { 200: alertsView },
      },
    },
    async ({ query }, reply) => {
      const { twin, state } = query;
      const view = await openView(deps, { query, names: ['alerts', 'alert_occurrences'], reply });
      // Asked before the documents, so that they hold at least what it says.
      const position = view.position('alerts') ?? positionOf('PLANT', 0);
      const ofTwin = twin === undefined ? {} : { twinId: twin };
      const alertsIn = (states: readonly AlarmState[]) =>
        view
          .collection<AlertDocument>('alerts')
          .find({ state: { $in: states.filter((one) => state === undefined || one === state) }, ...ofTwin })
          .sort({ raisedAt: -1, _id: 1 })
          .limit(LIST_MAX)
          .toArray();
      const [active, returned, latest] = await Promise.all([
        alertsIn(ACTIVE_STATES),
        alertsIn(RETURNED_STATES),
        view
          .collection<OccurrenceDocument>('alert_occurrences')
          .find({ ...ofTwin, ...(state === undefined ? {} : { state }) })
          .sort({ _id: -1 })
          .limit(LATEST_ALERTS)
          .toArray(),
      ]);
      const highRisk = active.filter(({ priority }) => priority === 1);
      const persistent = active.filter(({ persistedAt }) => persistedAt !== null);
      return { active, returned, highRisk, persistent, latest, position };
    },
  );

  app.get(
    '/api/alerts/history',
    {
      onRequest: requires('alerts:read'),
      schema: {
        tags,
        summary: 'Every time an alert went active, newest first',
        querystring: z.object({
          ...viewQuery,
          twin: twinIdSchema.optional().describe('Only alerts of this twin'),
          before: z.string().max(128).optional().describe('`next` of the page before'),
          limit: limitQuery(PAGE_DEFAULT, PAGE_MAX),
        }),
        response: { 200: occurrencesPage },
      },
    },
    async ({ query }, reply) => {
      const { twin, before, limit } = query;
      const view = await openView(deps, { query, names: ['alert_occurrences'], reply });
      const occurrences = await view
        .collection<OccurrenceDocument>('alert_occurrences')
        .find({
          ...(twin === undefined ? {} : { twinId: twin }),
          ...(before === undefined ? {} : { _id: { $lt: before } }),
        })
        .sort({ _id: -1 })
        .limit(limit)
        .toArray();
      const isFull = occurrences.length === limit;
      return { occurrences, next: isFull ? (occurrences.at(-1)?._id ?? null) : null };
    },
  );
};
