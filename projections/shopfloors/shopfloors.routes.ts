import { type ShopfloorDocument, shopfloorsView, signOfLifeSchema } from '@stratum/contracts/shopfloor/shopfloor.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import { openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';

const SHOPFLOORS_MAX = 1_000;

/** The shopfloors, what lies there, and when each was last heard. */
export const shopfloorsRoutes: Routes<Pick<ApiDeps, 'readModels' | 'nc' | 'now'>> = async (app, deps) => {
  const heartbeats = await bucket(deps.nc, 'heartbeats');
  app.get(
    '/api/shopfloors',
    {
      onRequest: requires('shopfloors:read'),
      schema: {
        tags: ['shopfloors'],
        summary: 'Shopfloors by id, with their newest sign of life',
        description:
          'Signs of life are no facts of the log: of the past only those are told that are newest still, else null. Whether a ' +
          'shopfloor was live then, and since when, is `isLive` and `changedAt`.',
        querystring: z.object(viewQuery),
        response: { 200: shopfloorsView },
      },
    },
    async ({ query }, reply) => {
      const view = await openView(deps, { query, names: ['shopfloors'], reply });
      const documents = await view
        .collection<ShopfloorDocument>('shopfloors')
        .find()
        .sort({ _id: 1 })
        .limit(SHOPFLOORS_MAX)
        .toArray();
      const seen = await Promise.all(documents.map(({ _id }) => lastSeen(heartbeats, _id)));
      const isKnown = (at: string | null | undefined) =>
        typeof at === 'string' && (view.moment === undefined || Date.parse(at) <= view.now.getTime());
      return {
        shopfloors: documents.map((shopfloor, index) => {
          const lastSeenAt = seen[index] ?? null;
          return { shopfloor, lastSeenAt: isKnown(lastSeenAt) ? lastSeenAt : null };
        }),
      };
    },
  );
};

type Bucket = Awaited<ReturnType<typeof bucket>>;

async function lastSeen(heartbeats: Bucket, shopfloorId: string): Promise<string | null> {
  const entry = await heartbeats.get(shopfloorId);
  return entry?.operation === 'PUT' ? signOfLifeSchema.parse(entry.json()).lastSeenAt : null;
}
