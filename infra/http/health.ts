import { type HealthView, healthView } from '@stratum/contracts/http.ts';
import { z } from 'zod';
import { lastSequence } from '../event-store/reader.ts';
import { askHealth, type PartHealth, type PartsHealth } from '../health.ts';
import { within } from '../persist.ts';
import { Problem } from './problems.ts';
import type { ApiDeps, Routes } from './routes.ts';

/** `readModels`: the names that must be there before requests are taken. `programs`: others that are asked over NATS. */
export type HealthDeps = Pick<ApiDeps, 'nc' | 'database' | 'readModels' | 'now' | 'logger'> & {
  readModelNames: readonly string[];
  programs: readonly string[];
};

/** A part that gives no answer in this time counts as failed. */
const ANSWER_MS_MAX = 2_000;
/** Everybody may ask, so an answer is kept for this long. */
const KEPT_MS = 500;
/** Behind by more than this many events, read models are too old to be shown as the present. */
export const READY_LAG_MAX = 20_000;

/** `GET /health` tells how all parts are; `GET /ready` is 200 when requests can be served, else 503. Both are open. */
export const healthRoutes: Routes<HealthDeps> = (app, deps) => {
  const look = keep(KEPT_MS, () => healthOf(deps));

  app.get(
    '/health',
    {
      schema: {
        tags: ['health'],
        summary: 'How every part is, and how far it is behind',
        response: { 200: healthView },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return look();
    },
  );

  app.get(
    '/ready',
    {
      schema: {
        tags: ['health'],
        summary: 'Whether requests can be served',
        response: { 200: z.object({ ready: z.literal(true) }) },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const missing = missingIn(await look(), deps.readModelNames);
      if (missing.length > 0) {
        const detail = `Not ready: ${missing.join('; ')}.`;
        throw new Problem(503, 'Not ready', { code: 'NotReady', detail, retryAfterSeconds: 1 });
      }
      return { ready: true as const };
    },
  );
};

async function healthOf({ nc, database, readModels, now, programs, logger }: HealthDeps): Promise<HealthView> {
  const check = async (name: string, asked: Promise<string | undefined>): Promise<PartHealth> => {
    try {
      const detail = await within(ANSWER_MS_MAX, 'the answer', asked);
      return { status: 'ok', ...(detail === undefined ? {} : { detail }) };
    } catch (err) {
      logger.warn({ part: name, err }, `${name} gives no answer`);
      return { status: 'failed', detail: 'gives no answer' };
    }
  };
  const [nats, mongodb, projections, ...others] = await Promise.all([
    check(
      'NATS',
      lastSequence(nc, 'PLANT').then(({ last }) => `PLANT:${last}`),
    ),
    check(
      'the database',
      database.command({ ping: 1 }).then(() => undefined),
    ),
    within(ANSWER_MS_MAX, 'asking the projections', readModels.positions()).catch(() => []),
    ...programs.map((program) => askHealth(nc, program, ANSWER_MS_MAX)),
  ]);
  const parts: PartsHealth = Object.assign({ nats, database: mongodb }, ...others);
  const isWell =
    Object.values(parts).every(({ status }) => status === 'ok') &&
    projections.length > 0 &&
    projections.every(({ status }) => status === 'running');
  const status = isWell ? 'ok' : 'degraded';
  return { status, time: now().toISOString(), parts, projections: projections.map(openly) };
}

/**
 * What of a projection's trouble everybody may read: where it stopped, but not what the database or the event said, which
 * may name what is nobody's business. That is in its log and among the dead letters.
 */
export function openly(projection: HealthView['projections'][number]): HealthView['projections'][number] {
  const place = /^at \d+(?=:)/.exec(projection.error ?? '')?.[0];
  return place === undefined ? projection : { ...projection, error: `stopped ${place}; its log says why` };
}

/** What is missing before requests can be served, as parts of a sentence; empty if nothing is. */
export function missingIn({ parts, projections }: HealthView, readModelNames: readonly string[]): string[] {
  const servers = ['nats', 'database'].filter((name) => parts[name]?.status !== 'ok').map((name) => `no ${name}`);
  const models = readModelNames.flatMap((name) => {
    const projection = projections.find((one) => one.name === name);
    if (projection === undefined) return [`${name} is not there yet`];
    return projection.lag > READY_LAG_MAX ? [`${name} is ${projection.lag} events behind`] : [];
  });
  return servers.length > 0 ? servers : models;
}

/** Answers the same for a while, so that many who ask cost one look. */
function keep<Value>(keptMs: number, look: () => Promise<Value>): () => Promise<Value> {
  let kept: { value: Promise<Value>; untilMs: number } | undefined;
  return () => {
    if (kept === undefined || performance.now() > kept.untilMs) {
      kept = { value: look(), untilMs: performance.now() + keptMs };
    }
    return kept.value;
  };
}
