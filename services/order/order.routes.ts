import { createHash } from 'node:crypto';
import { commandAnswer } from '@stratum/contracts/http.ts';
import { placeOrderRequest } from '@stratum/contracts/order/order.ts';
import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { commandIdOf, commandOf } from '@stratum/infra/http/commands.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { order } from './order.ts';
import { orderIdFrom } from './order-id.ts';

/** Placing orders; everything after that follows by itself. */
export const orderRoutes: Routes<Pick<ApiDeps, 'store'>> = (app, { store }) => {
  app.post(
    '/api/orders',
    {
      onRequest: requires('orders:place'),
      schema: {
        tags: ['orders'],
        summary: 'Place an order',
        description:
          'It is split over the live shopfloors in proportion to their capacity, or held until one is live. ' +
          'The same Idempotency-Key places it once.',
        body: placeOrderRequest,
        response: { 201: commandAnswer },
      },
    },
    async (request, reply) => {
      const { dueAt, ...wanted } = request.body;
      // The order's id follows from the command's, so that the same command names the same order.
      const commandId = commandIdOf(request);
      const orderId = orderIdFrom(createHash('sha256').update(commandId).digest());
      const placed = { orderId, ...wanted, ...(dueAt === undefined ? {} : { dueAt }) };
      const command = { ...commandOf(request, 'PlaceOrder', placed), id: commandId };
      const { position } = await handle(store, order, { site: SITE_DEFAULT, entity: 'order', id: orderId }, command);
      return reply.code(201).send({ id: orderId, position });
    },
  );
};
