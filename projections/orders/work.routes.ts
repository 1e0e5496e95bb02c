import { type WorkItem, workView } from '@stratum/contracts/job/job.ts';
import type { OrderDocument } from '@stratum/contracts/order/order.ts';
import { shopfloorIdOf, tokenSchema } from '@stratum/contracts/subjects.ts';
import { invalidRequest, Problem } from '@stratum/infra/http/problems.ts';
import { openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires, type User, userOf } from '@stratum/infra/http/security.ts';
import type { Queried } from '@stratum/infra/projector/queried.ts';
import { z } from 'zod';
import { workOf } from './work.ts';

/** So many open orders of one floor are shown, oldest first. */
const OPEN_MAX = 200;
/** So many of the orders a floor had last are looked at for what it completed. */
const COMPLETED_MAX = 20;

/** What a shopfloor has to do, and what it did last. */
export const workRoutes: Routes<Pick<ApiDeps, 'readModels' | 'now'>> = (app, deps) => {
  app.get(
    '/api/work',
    {
      onRequest: requires('work:read'),
      schema: {
        tags: ['jobs'],
        summary: 'Open and recently completed jobs of a shopfloor',
        description: 'A shopfloor user sees their own shopfloor; others name one.',
        querystring: z.object({ ...viewQuery, shopfloorId: tokenSchema.optional() }),
        response: { 200: workView },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const shopfloorId = floorFor(userOf(request), query.shopfloorId);
      const view = await openView(deps, { query, names: ['orders'], reply });
      const orders = view.collection<OrderDocument>('orders');
      const [open, completed] = await Promise.all([openOf(orders, shopfloorId), completedOf(orders, shopfloorId)]);
      return { shopfloorId, open, completed };
    },
  );
};

/** The floor a user may look at. */
function floorFor({ role, shopfloorId: own }: User, asked: string | undefined): string {
  const wanted = asked === undefined ? own : shopfloorIdOf(asked);
  if (role === 'shopfloor-user' && (own === undefined || wanted !== own)) {
    throw new Problem(403, 'Not allowed', {
      code: 'NotYourShopfloor',
      detail: `You see the work of ${own ?? 'no shopfloor'}, not of ${wanted ?? 'another'}.`,
    });
  }
  if (wanted === undefined) throw invalidRequest([{ field: 'shopfloorId', message: 'is missing' }]);
  return wanted;
}

/** By job, not by order: an order stays open while another floor still works on its part. */
async function openOf(orders: Queried<OrderDocument>, shopfloorId: string): Promise<WorkItem[]> {
  const found = await orders
    .find({ jobs: { $elemMatch: { shopfloorId, state: { $ne: 'Completed' } } } })
    .sort({ placedPosition: 1 })
    .limit(OPEN_MAX)
    .toArray();
  return found.flatMap((order) => workOf(order, shopfloorId)).filter(({ state }) => state !== 'Completed');
}

async function completedOf(orders: Queried<OrderDocument>, shopfloorId: string): Promise<WorkItem[]> {
  const found = await orders
    .find({ jobs: { $elemMatch: { shopfloorId, state: 'Completed' } } })
    .sort({ placedPosition: -1 })
    .limit(COMPLETED_MAX)
    .toArray();
  return found.flatMap((order) => workOf(order, shopfloorId)).filter(({ state }) => state === 'Completed');
}
