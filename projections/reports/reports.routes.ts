import { may } from '@stratum/contracts/account/account.ts';
import { type ReportDocument, reportsPage } from '@stratum/contracts/job/job.ts';
import { orderIdSchema } from '@stratum/contracts/order/order.ts';
import { shopfloorIdOf, tokenSchema } from '@stratum/contracts/subjects.ts';
import { Problem } from '@stratum/infra/http/problems.ts';
import { limitQuery, openView, viewQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires, type User, userOf } from '@stratum/infra/http/security.ts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';

const tags = ['jobs'];
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

const pageQuery = z.object({
  ...viewQuery,
  shopfloorId: tokenSchema.optional().describe('Only reports of this shopfloor'),
  before: z
    .string()
    .regex(/^\d{1,16}$/, 'must be a page’s `next`')
    .optional()
    .describe('`next` of the page before'),
  limit: limitQuery(PAGE_DEFAULT, PAGE_MAX),
});

/** Reports of the shopfloors: all of them, or those of one order. A shopfloor user sees those of their own floor. */
export const reportsRoutes: Routes<Pick<ApiDeps, 'readModels' | 'now'>> = (app, deps) => {
  app.get(
    '/api/reports',
    {
      onRequest: requires(),
      schema: { tags, summary: 'Reports, newest first', querystring: pageQuery, response: { 200: reportsPage } },
    },
    async (request, reply) => pageOf(userOf(request), request.query, reply),
  );

  app.get(
    '/api/reports/:orderId',
    {
      onRequest: requires(),
      schema: {
        tags,
        summary: 'Reports of one order, newest first',
        params: z.object({ orderId: orderIdSchema }),
        querystring: pageQuery,
        response: { 200: reportsPage },
      },
    },
    async (request, reply) => pageOf(userOf(request), { ...request.query, orderId: request.params.orderId }, reply),
  );

  async function pageOf(user: User, query: z.output<typeof pageQuery> & { orderId?: string }, reply: FastifyReply) {
    const { before, limit, orderId } = query;
    const shopfloorId = floorSeenBy(user, query.shopfloorId);
    const view = await openView(deps, { query, names: ['reports'], reply });
    const reports = await view
      .collection<ReportDocument>('reports')
      .find({
        ...(orderId === undefined ? {} : { orderId }),
        ...(shopfloorId === undefined ? {} : { shopfloorId }),
        ...(before === undefined ? {} : { _id: { $lt: before } }),
      })
      .sort({ _id: -1 })
      .limit(limit)
      .toArray();
    return { reports, next: reports.length === limit ? (reports.at(-1)?._id ?? null) : null };
  }
};

/** The floor whose reports are answered; `undefined`: all. */
function floorSeenBy({ role, shopfloorId: own }: User, asked: string | undefined): string | undefined {
  const wanted = asked === undefined ? undefined : shopfloorIdOf(asked);
  if (may(role, 'reports:read')) return wanted;
  if (may(role, 'work:read') && own !== undefined && (wanted ?? own) === own) return own;
  throw new Problem(403, 'Not allowed', {
    code: 'NotAllowed',
    detail: own === undefined ? `Your role ${role} may not see reports.` : `You see the reports of ${own} only.`,
  });
}
