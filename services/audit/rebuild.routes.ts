import { Rejected } from '@stratum/contracts/decider.ts';
import { type RebuildView, rebuildView } from '@stratum/contracts/rebuild.ts';
import { tokenSchema } from '@stratum/contracts/subjects.ts';
import { openActorNames } from '@stratum/infra/http/actor-names.ts';
import { commandIdOf } from '@stratum/infra/http/commands.ts';
import { Problem } from '@stratum/infra/http/problems.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires, userOf } from '@stratum/infra/http/security.ts';
import { cancelRebuild, NobodyRebuilds, wishRebuild } from '@stratum/infra/projector/rebuild-desk.ts';
import { openRebuildRecord, type RebuildRecord } from '@stratum/infra/projector/rebuild-record.ts';
import { z } from 'zod';

const tags = ['audit'];

/**
 * Rebuild and compare, for auditors: the projections program folds the logs again beside the served read models; here it is
 * wished, watched and cancelled. What is known of it is kept by NATS, so that any API process can tell.
 */
export const rebuildRoutes: Routes<Pick<ApiDeps, 'nc'>> = (app, { nc }) => {
  const actorNames = openActorNames(nc);
  let record: Promise<RebuildRecord> | undefined;

  app.get(
    '/api/rebuild',
    {
      onRequest: requires('read-models:compare'),
      schema: {
        tags,
        summary: 'The rebuild under way, or the last one',
        description:
          'Every read model with the digest of what is served and of what its log gives when it is folded again, and the names ' +
          'of the first documents that differ. While it is under way, how far it is.',
        response: { 200: rebuildView },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return look();
    },
  );

  app.post(
    '/api/rebuild',
    {
      onRequest: requires('read-models:compare'),
      schema: {
        tags,
        summary: 'Compute every read model again beside the served one, and compare',
        description: 'Changes nothing that is served. One at a time: 409 while another is under way.',
        response: { 202: rebuildView },
      },
    },
    async (request, reply) => {
      const wish = { id: commandIdOf(request), by: `account:${userOf(request).id}` };
      const isBegun = await wishRebuild(nc, wish).catch(notAvailable);
      const view = await look();
      if (isBegun || view.run?.id === wish.id) return reply.code(202).send(view);
      throw new Rejected('RebuildUnderWay', 'A rebuild is under way. Wait for its end, or cancel it.');
    },
  );

  app.post(
    '/api/rebuild/:id/cancel',
    {
      onRequest: requires('read-models:compare'),
      schema: {
        tags,
        summary: 'Cancel the rebuild under way',
        description: 'It ends within moments; what was rebuilt is dropped.',
        params: z.object({ id: tokenSchema }),
        response: { 202: rebuildView },
      },
    },
    async (request, reply) => {
      const isHeard = await cancelRebuild(nc, request.params.id).catch(notAvailable);
      const view = await look();
      if (isHeard) return reply.code(202).send(view);
      throw new Rejected('RebuildNotUnderWay', 'This rebuild is not under way any more.');
    },
  );

  async function look(): Promise<RebuildView> {
    record ??= openRebuildRecord(nc);
    // A failure is told to whoever asked; the next one tries anew.
    record.catch(() => {
      record = undefined;
    });
    const { run, isHeld } = await (await record).look();
    if (run === undefined) return { run: null };
    const nameOf = await actorNames([run.by]);
    const state = run.state === 'running' && !isHeld ? 'died' : run.state;
    return { run: { ...run, state, byName: nameOf(run.by) } };
  }
};

function notAvailable(error: unknown): never {
  if (!(error instanceof NobodyRebuilds)) throw error;
  throw new Problem(503, 'Not available right now', {
    code: 'NobodyRebuilds',
    detail: 'The program that rebuilds read models does not answer. Try again.',
    retryAfterSeconds: 1,
  });
}
