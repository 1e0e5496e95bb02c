import { acknowledgeRequest } from '@stratum/contracts/alert/alert.ts';
import { Rejected } from '@stratum/contracts/decider.ts';
import { commandAnswer } from '@stratum/contracts/http.ts';
import { SITE_DEFAULT, tokenSchema } from '@stratum/contracts/subjects.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { commandOf } from '@stratum/infra/http/commands.ts';
import { notFound } from '@stratum/infra/http/problems.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires, userOf } from '@stratum/infra/http/security.ts';
import { z } from 'zod';
import { alertDecider } from './alert.ts';

/** Acknowledging an alert: by a person with a name, once per occurrence. */
export const alertRoutes: Routes<Pick<ApiDeps, 'store'>> = (app, { store }) => {
  app.post(
    '/api/alerts/:id/acknowledge',
    {
      onRequest: requires('alerts:acknowledge'),
      schema: {
        tags: ['alerts'],
        summary: 'Acknowledge an alert',
        description:
          'An active alert stays active until its value is back inside; one that has returned becomes normal. 409 with ' +
          'the code `AlreadyAcknowledged` or `AlertNotActive` when there is nothing to acknowledge, `OccurrenceChanged` when ' +
          'the named occurrence is not the present one.',
        params: z.object({ id: tokenSchema.describe('Id of the alert, such as turbine1_vibration_high') }),
        querystring: z.object({ site: tokenSchema.default(SITE_DEFAULT).describe('The site of the twin') }),
        body: acknowledgeRequest,
        response: { 200: commandAnswer },
      },
    },
    async (request) => {
      const { id } = request.params;
      const command = commandOf(request, 'AcknowledgeAlert', {
        acknowledgedBy: userOf(request).name,
        ...request.body,
      });
      try {
        const { position } = await handle(
          store,
          alertDecider,
          { site: request.query.site, entity: 'alert', id },
          command,
        );
        return { id, position };
      } catch (error) {
        if (error instanceof Rejected && error.code === 'UnknownAlert') throw notFound('alert', id);
        throw error;
      }
    },
  );
};
