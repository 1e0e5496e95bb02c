import { commandAnswer } from '@stratum/contracts/http.ts';
import { jobIdOf, postReportRequest } from '@stratum/contracts/job/job.ts';
import { SITE_DEFAULT, shopfloorIdOf } from '@stratum/contracts/subjects.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { commandOf } from '@stratum/infra/http/commands.ts';
import { invalidRequest, Problem } from '@stratum/infra/http/problems.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires, userOf } from '@stratum/infra/http/security.ts';
import { job, reportIdOf } from './job.ts';
import { aheadFault } from './report.ts';

/** Reporting work by hand; it counts like a report over MQTT, and together with it once. */
export const jobRoutes: Routes<Pick<ApiDeps, 'store' | 'now'>> = (app, { store, now }) => {
  app.post(
    '/api/reports',
    {
      onRequest: requires('reports:write'),
      schema: {
        tags: ['jobs'],
        summary: 'Report pieces made since the last report',
        description:
          'A shopfloor user reports for their own shopfloor only. Without `timestamp` it happened now. ' +
          'The same report twice counts once.',
        body: postReportRequest,
        response: { 201: commandAnswer },
      },
    },
    async (request, reply) => {
      const { orderId, produced, defective, timestamp = now().toISOString() } = request.body;
      const shopfloorId = shopfloorIdOf(request.body.shopfloorId);
      const { role, shopfloorId: ownId } = userOf(request);
      if (role === 'shopfloor-user' && shopfloorId !== ownId) {
        throw new Problem(403, 'Not allowed', {
          code: 'NotYourShopfloor',
          detail: `You report for ${ownId ?? 'no shopfloor'}, not for ${shopfloorId}.`,
        });
      }
      const ahead = aheadFault(timestamp, now().getTime());
      if (ahead !== undefined) throw invalidRequest([{ field: 'timestamp', message: ahead }]);
      const jobId = jobIdOf(orderId, shopfloorId);
      const reportId = reportIdOf({ timestamp, produced, defective });
      const reported = { jobId, orderId, shopfloorId, reportId, produced, defective, reportedAt: timestamp };
      const command = commandOf(request, 'ReportWork', reported, timestamp);
      const { position } = await handle(store, job, { site: SITE_DEFAULT, entity: 'job', id: jobId }, command);
      return reply.code(201).send({ id: jobId, position });
    },
  );
};
