import {
  jobStateSchema,
  type OrderDocument,
  orderIdSchema,
  ordersPage,
  orderView,
  type TimelineEntry,
} from '@stratum/contracts/order/order.ts';
import type { Store } from '@stratum/infra/event-store/store.ts';
import { type ActorNames, openActorNames } from '@stratum/infra/http/actor-names.ts';
import { notFound } from '@stratum/infra/http/problems.ts';
import { limitQuery, openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';

const tags = ['orders'];
const names = ['orders'];
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
/** A timeline of more entries than this keeps its newest; the whole is in the log. */
const TIMELINE_MAX = 2_000;

/** Orders as a list, and one order with its life as it happened. */
export const ordersRoutes: Routes<Pick<ApiDeps, 'readModels' | 'store' | 'nc' | 'now'>> = (app, deps) => {
  const actorNames = openActorNames(deps.nc);
  app.get(
    '/api/orders',
    {
      onRequest: requires('orders:read'),
      schema: {
        tags,
        summary: 'Orders, newest first',
        querystring: z.object({
          ...viewQuery,
          state: jobStateSchema.optional().describe('Only orders in this state'),
          before: z.coerce.number('must be a number').int().min(0).optional().describe('`next` of the page before'),
          limit: limitQuery(PAGE_DEFAULT, PAGE_MAX),
        }),
        response: { 200: ordersPage },
      },
    },
    async ({ query }, reply) => {
      const { state, before, limit } = query;
      const view = await openView(deps, { query, names, reply });
      const orders = await view
        .collection<OrderDocument>('orders')
        .find({
          ...(state === undefined ? {} : { state }),
          ...(before === undefined ? {} : { placedPosition: { $lt: before } }),
        })
        .sort({ placedPosition: -1 })
        .limit(limit)
        .toArray();
      const last = orders.length === limit ? orders.at(-1) : undefined;
      return { orders, next: last === undefined ? null : String(last.placedPosition) };
    },
  );

  app.get(
    '/api/orders/:orderId',
    {
      onRequest: requires('orders:read'),
      schema: {
        tags,
        summary: 'An order and its timeline, straight from the log',
        params: z.object({ orderId: orderIdSchema }),
        querystring: z.object(viewQuery),
        response: { 200: orderView },
      },
    },
    async ({ params: { orderId }, query }, reply) => {
      const view = await openView(deps, { query, names, reply });
      const order = await view.collection<OrderDocument>('orders').findOne({ _id: orderId });
      if (order === null) throw notFound('order', orderId);
      const upTo = view.moment?.sequences.PLANT;
      return { order, timeline: await timelineOf(order, { store: deps.store, actorNames, upTo }) };
    },
  );
};

/** The events of an order and of its jobs, in the order of the log, up to a sequence if one is given. */
async function timelineOf(
  { _id: orderId, site, jobs }: OrderDocument,
  {
    store,
    actorNames,
    upTo = Number.POSITIVE_INFINITY,
  }: { store: Store; actorNames: ActorNames; upTo?: number | undefined },
): Promise<TimelineEntry[]> {
  const lives = await Promise.all([
    store.read({ site, entity: 'order', id: orderId }),
    ...jobs.map(({ jobId }) => store.read({ site, entity: 'job', id: jobId })),
  ]);
  const events = lives
    .flat()
    .filter(({ recorded }) => recorded.sequence <= upTo)
    .toSorted((a, b) => a.recorded.sequence - b.recorded.sequence)
    .slice(-TIMELINE_MAX);
  const nameOf = await actorNames(events.map(({ envelope }) => envelope.actor));
  return events.map(({ type, data, envelope: { occurredAt, actor }, recorded: { position, recordedAt, entity } }) => {
    return { position, type, entity, recordedAt, occurredAt, actor, actorName: nameOf(actor), data };
  });
}
