import {
  type PostedReading,
  postTelemetryAnswer,
  postTelemetryRequest,
  refusalsPage,
} from '@stratum/contracts/telemetry/telemetry.ts';
import { countRefusals, listRefusals } from '@stratum/infra/event-store/refused.ts';
import { openTelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import { commandIdOf } from '@stratum/infra/http/commands.ts';
import type { FieldError } from '@stratum/infra/http/field-errors.ts';
import { invalidRequest } from '@stratum/infra/http/problems.ts';
import { limitQuery } from '@stratum/infra/http/queries.ts';
import type { ApiDeps, Routes } from '@stratum/infra/http/routes.ts';
import { requires } from '@stratum/infra/http/security.ts';
import { z } from 'zod';
import { type Directory, openDirectory } from './directory.gateway.ts';
import { type JudgedReading, recordPosted } from './posted.gateway.ts';
import { faultsOf, judge } from './reading.ts';

const tags = ['telemetry'];
/** At most this many faults are listed; a body of 1,000 bad readings needs no more to be put right. */
const FAULTS_MAX = 20;
const REFUSALS_DEFAULT = 50;
const REFUSALS_MAX = 200;

/** Readings in by HTTP, and what was refused of those that came by MQTT. */
export const telemetryRoutes: Routes<Pick<ApiDeps, 'nc' | 'now' | 'logger'>> = (app, { nc, now, logger }) => {
  const ending = new AbortController();
  app.addHook('onClose', async () => ending.abort());
  const opened = openOnce(async (reset) => {
    const log = await openTelemetryLog(nc);
    const directory = await openDirectory(nc, { signal: ending.signal, logger });
    directory.stopped.catch(reset);
    return { log, directory };
  });

  app.post(
    '/api/telemetry',
    {
      onRequest: requires('telemetry:write'),
      schema: {
        tags,
        summary: 'Record one reading or many',
        description:
          'All are recorded or, if anything is wrong with any of them, none. Without `observedAt` a reading was observed now.',
        body: postTelemetryRequest,
        response: { 201: postTelemetryAnswer },
      },
    },
    async (request, reply) => {
      const { log, directory } = await opened();
      const { body } = request;
      const readings =
        'readings' in body
          ? await judgeAll(directory, body.readings, now(), (index) => `readings.${index}.`)
          : await judgeAll(directory, [body], now(), () => '');
      const isNamed = request.headers['idempotency-key'] !== undefined;
      const position = await recordPosted(nc, log, { id: commandIdOf(request), isNamed, readings });
      return reply.code(201).send({ accepted: readings.length, position });
    },
  );

  app.get(
    '/api/refusals',
    {
      onRequest: requires('refusals:read'),
      schema: {
        tags,
        summary: 'Device messages that were refused, newest first',
        querystring: z.object({
          before: z
            .string()
            .regex(/^REFUSED:\d{1,16}$/, 'must look like REFUSED:12')
            .optional()
            .describe('Goes on behind this place: the `next` of the page before'),
          limit: limitQuery(REFUSALS_DEFAULT, REFUSALS_MAX),
        }),
        response: { 200: refusalsPage },
      },
    },
    async ({ query: { before, limit } }) => {
      const from = before === undefined ? {} : { before: Number(before.split(':')[1]) };
      const [refusals, counts] = await Promise.all([listRefusals(nc, { ...from, limit }), countRefusals(nc)]);
      const next = refusals.length < limit ? null : (refusals.at(-1)?.position ?? null);
      return { refusals, counts, next };
    },
  );
};

/** Judges every reading before any is recorded. @throws Problem 400 naming each field that is wrong, 20 at most */
async function judgeAll(
  directory: Directory,
  posted: readonly PostedReading[],
  now: Date,
  pathOf: (index: number) => string,
): Promise<JudgedReading[]> {
  const readings: JudgedReading[] = [];
  const errors: FieldError[] = [];
  for (const [index, { twinId, ...claim }] of posted.entries()) {
    if (errors.length >= FAULTS_MAX) break;
    const path = pathOf(index);
    const definition = await directory.find(twinId);
    if (definition === undefined) {
      errors.push({ field: `${path}twinId`, message: `${twinId} is no twin in service` });
      continue;
    }
    const judged = judge(definition, claim, now.getTime());
    if (judged.kind === 'accepted') readings.push({ site: definition.site, twinId, reading: judged.reading });
    for (const { field, wrong } of faultsOf(definition, claim, now.getTime())) {
      errors.push({ field: `${path}${field}`, message: wrong });
    }
  }
  if (errors.length > 0) throw invalidRequest(errors.slice(0, FAULTS_MAX));
  return readings;
}

/**
 * Opens at once, so that the server's start need not wait for it. What could not be opened, or was reset since, is opened
 * when it is asked for next.
 */
function openOnce<Opened>(open: (reset: () => void) => Promise<Opened>): () => Promise<Opened> {
  let opening: Promise<Opened> | undefined;
  const reset = () => {
    opening = undefined;
  };
  const start = () => {
    const attempt = open(reset);
    attempt.catch(reset);
    opening = attempt;
    return attempt;
  };
  start();
  return () => opening ?? start();
}
