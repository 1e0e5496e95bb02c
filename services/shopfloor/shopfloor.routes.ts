import { Rejected } from '@stratum/contracts/decider.ts';
import { commandAnswer } from '@stratum/contracts/http.ts';
import {
  commissionShopfloorRequest,
  setCapacityRequest,
  shopfloorIdSchema,
} from '@stratum/contracts/shopfloor/shopfloor.ts';
import { type Aggregate, SITE_DEFAULT, shopfloorIdOf } from '@stratum/contracts/subjects.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { commandOf } from '@stratum/infra/http/commands.ts';
import { notFound } from '@stratum/infra/http/problems.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';
import { shopfloor } from './shopfloor.ts';

const tags = ['shopfloors'];

/** Commissioning a shopfloor, and setting what it can make. */
export const shopfloorRoutes: Routes<Pick<ApiDeps, 'store'>> = (app, { store }) => {
  app.post(
    '/api/shopfloors',
    {
      onRequest: requires('capacity:set'),
      schema: {
        tags,
        summary: 'Commission a shopfloor',
        description: 'It is silent, and gets no work, until its first sign of life on shopfloor/{id}/heartbeat.',
        body: commissionShopfloorRequest,
        response: { 201: commandAnswer },
      },
    },
    async (request, reply) => {
      const shopfloorId = shopfloorIdOf(request.body.shopfloorId);
      const command = commandOf(request, 'CommissionShopfloor', { ...request.body, shopfloorId });
      const { position } = await handle(store, shopfloor, floorAt(shopfloorId), command);
      return reply.code(201).send({ id: shopfloorId, position });
    },
  );

  app.post(
    '/api/shopfloors/:id/capacity',
    {
      onRequest: requires('capacity:set'),
      schema: {
        tags,
        summary: 'Set the capacity of a shopfloor, pieces per hour',
        description: 'The next order is split by it; what was distributed before stays as it is.',
        params: z.object({ id: shopfloorIdSchema }),
        body: setCapacityRequest,
        response: { 200: commandAnswer },
      },
    },
    async (request) => {
      const shopfloorId = shopfloorIdOf(request.params.id);
      const command = commandOf(request, 'SetCapacity', { shopfloorId, ...request.body });
      try {
        const { position } = await handle(store, shopfloor, floorAt(shopfloorId), command);
        return { id: shopfloorId, position };
      } catch (error) {
        if (error instanceof Rejected && error.code === 'UnknownShopfloor') throw notFound('shopfloor', shopfloorId);
        throw error;
      }
    },
  );
};

const floorAt = (id: string): Aggregate => ({ site: SITE_DEFAULT, entity: 'shopfloor', id });
