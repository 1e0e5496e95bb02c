import { Rejected } from '@stratum/contracts/decider.ts';
import { commandAnswer } from '@stratum/contracts/http.ts';
import type { Aggregate } from '@stratum/contracts/subjects.ts';
import {
  changeLimitsRequest,
  type TwinDefinition,
  twinDefinitionSchema,
  twinIdSchema,
} from '@stratum/contracts/twin/twin.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readPage } from '@stratum/infra/event-store/read.ts';
import { commandOf } from '@stratum/infra/http/commands.ts';
import { notFound } from '@stratum/infra/http/problems.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';
import { twinDecider } from './twin.ts';

const tags = ['twins'];

/** Commissioning a twin, of a known type or a new one, and changing the limits of one of its parameters. */
export const twinRoutes: Routes<Pick<ApiDeps, 'store' | 'nc'>> = (app, { store, nc }) => {
  app.post(
    '/api/twins',
    {
      onRequest: requires('twins:commission'),
      schema: {
        tags,
        summary: 'Commission a twin',
        description:
          'A new type of twin needs nothing but a new `twinType`. The same definition again changes nothing.',
        body: twinDefinitionSchema,
        response: { 201: commandAnswer },
      },
    },
    async (request, reply) => {
      const definition = request.body;
      await checkOneSite(nc, definition);
      const command = commandOf(request, 'CommissionTwin', definition);
      const { position } = await handle(store, twinDecider, twinAt(definition.site, definition.twinId), command);
      return reply.code(201).send({ id: definition.twinId, position });
    },
  );

  app.post(
    '/api/twins/:twinId/limits',
    {
      onRequest: requires('limits:change'),
      schema: {
        tags,
        summary: 'Change the limits of one parameter',
        description: 'Readings are held against the new limits from now on; what was judged before stays as it was.',
        params: z.object({ twinId: twinIdSchema }),
        querystring: z.object({ site: twinDefinitionSchema.shape.site.describe('The site of the twin') }),
        body: changeLimitsRequest,
        response: { 200: commandAnswer },
      },
    },
    async (request) => {
      const { twinId } = request.params;
      const command = commandOf(request, 'ChangeLimits', { twinId, ...request.body });
      try {
        const { position } = await handle(store, twinDecider, twinAt(request.query.site, twinId), command);
        return { id: twinId, position };
      } catch (error) {
        if (error instanceof Rejected && error.code === 'UnknownTwin') throw notFound('twin', twinId);
        throw error;
      }
    },
  );
};

/** Readings and read models know a twin by its id alone, so that no two sites may have the same. @throws Rejected */
async function checkOneSite(nc: ApiDeps['nc'], { twinId, site }: TwinDefinition): Promise<void> {
  const page = { from: 1, subject: `plant.*.twin.${twinId}`, limit: 1 };
  const [first] = await readPage(publisherOf(nc), 'PLANT', page);
  const other = first?.subject.split('.')[1];
  if (other === undefined || other === site) return;
  throw new Rejected('TwinAlreadyCommissioned', `${twinId} is already commissioned at the site ${other}.`, 'twinId');
}

const twinAt = (site: string, id: string): Aggregate => ({ site, entity: 'twin', id });
