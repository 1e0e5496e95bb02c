import type { Position } from '@stratum/contracts/envelope.ts';
import {
  type TwinDirectoryDocument,
  type TwinStateDocument,
  type TwinView,
  twinIdSchema,
  twinsView,
  twinView,
} from '@stratum/contracts/twin/twin.ts';
import { notFound } from '@stratum/infra/http/problems.ts';
import { limitQuery, openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import type { View } from '@stratum/infra/projector/read-models.ts';
import { z } from 'zod';

const TWINS_DEFAULT = 200;
const TWINS_MAX = 1_000;
const names = ['twin_directory', 'twin_state'];

/**
 * `GET /api/twins?from=&limit=`: the twins in service by id, each with its newest reading; `next` is the id to go on after.
 * `GET /api/twin/:twinId`: one twin, also one that is out of service. `position` says what the answer holds at least.
 */
export const twinStateRoutes: Routes<ApiDeps> = (app, deps) => {
  app.get(
    '/api/twins',
    {
      onRequest: requires('twins:read'),
      schema: {
        tags: ['twins'],
        summary: 'The twins in service with their newest readings',
        description:
          'As of the past at most 100,000 readings are folded again for a page, up to an hour of them for each twin; beyond ' +
          'that the answer is 400. A smaller `limit` helps.',
        querystring: z.object({
          ...viewQuery,
          from: twinIdSchema.optional().describe('Only twins whose id sorts after this one'),
          limit: limitQuery(TWINS_DEFAULT, TWINS_MAX),
        }),
        response: { 200: twinsView },
      },
    },
    async ({ query }, reply) => {
      const { from, limit } = query;
      const view = await openView(deps, { query, names, reply });
      const position = positionsOf(view);
      const twins = await directory(view)
        .find({ status: 'commissioned', ...(from === undefined ? {} : { _id: { $gt: from } }) })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      const states = await view
        .collection<TwinStateDocument>('twin_state')
        .find({ _id: { $in: twins.map((twin) => twin._id) } })
        .toArray();
      const stateOf = new Map(states.map((state) => [state._id, state]));
      const next = twins.length < limit ? null : (twins.at(-1)?._id ?? null);
      return { twins: twins.map((twin) => ({ twin, state: stateOf.get(twin._id) ?? null, position })), next };
    },
  );

  app.get(
    '/api/twin/:twinId',
    {
      onRequest: requires('twins:read'),
      schema: {
        tags: ['twins'],
        summary: 'One twin with its newest reading',
        params: z.object({ twinId: twinIdSchema }),
        querystring: z.object(viewQuery),
        response: { 200: twinView },
      },
    },
    async ({ params: { twinId }, query }, reply): Promise<TwinView> => {
      const view = await openView(deps, { query, names, reply });
      const position = positionsOf(view);
      const [twin, state] = await Promise.all([
        directory(view).findOne({ _id: twinId }),
        view.collection<TwinStateDocument>('twin_state').findOne({ _id: twinId }),
      ]);
      if (twin === null) throw notFound('twin', twinId);
      return { twin, state, position };
    },
  );
};

function directory(view: View) {
  return view.collection<TwinDirectoryDocument>('twin_directory');
}

/** Taken before the documents are read, so that whoever goes on from here misses nothing. */
function positionsOf(view: View): Position[] {
  return names.map((name) => view.position(name)).filter((position) => position !== undefined);
}
