import { type ShopfloorDocument, shopfloorsView, signOfLifeSchema } from '@stratum/contracts/shopfloor/shopfloor.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import { afterQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';

const SHOPFLOORS_MAX = 1_000;

/** The shopfloors, what lies there, and when each was last heard. */
export const shopfloorsRoutes: Routes<Pick<ApiDeps, 'readModels' | 'nc'>> = async (app, { readModels, nc }) => {
  const heartbeats = await bucket(nc, 'heartbeats');
  app.get(
    '/api/shopfloors',
    {
      onRequest: requires('shopfloors:read'),
      schema: {
        tags: ['shopfloors'],
        summary: 'Shopfloors by id, with their newest sign of life',
        querystring: z.object(afterQuery),
        response: { 200: shopfloorsView },
      },
    },
    async (request) => {
      await readModels.waitFor(request.query.after, ['shopfloors']);
      const documents = await readModels
        .collection<ShopfloorDocument>('shopfloors')
        .find()
        .sort({ _id: 1 })
        .limit(SHOPFLOORS_MAX)
        .toArray();
      const seen = await Promise.all(documents.map(({ _id }) => lastSeen(heartbeats, _id)));
      return {
        shopfloors: documents.map((shopfloor, index) => ({ shopfloor, lastSeenAt: seen[index] ?? null })),
      };
    },
  );
};

type Bucket = Awaited<ReturnType<typeof bucket>>;

async function lastSeen(heartbeats: Bucket, shopfloorId: string): Promise<string | null> {
  const entry = await heartbeats.get(shopfloorId);
  return entry?.operation === 'PUT' ? signOfLifeSchema.parse(entry.json()).lastSeenAt : null;
}
