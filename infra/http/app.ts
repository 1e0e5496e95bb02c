import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import cookie from '@fastify/cookie';
import jwt from '@fastify/jwt';
import rateLimit from '@fastify/rate-limit';
import { type FastifyBaseLogger, fastify, LogController } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from '../log.ts';
import { answerProblems, answerUnknown, validatorCompiler } from './errors.ts';
import { type AnswerMemory, rememberAnswers } from './idempotency.ts';
import { type About, describeApi } from './openapi.ts';
import type { App, Routes } from './routes.ts';
import { ACCESS_TOKEN_SECONDS } from './security.ts';
import { secureHeaders, serveWeb } from './web.ts';

export type AppOptions = {
  logger: Logger;
  /** Signs access tokens (HS256). At least 32 characters. */
  jwtSecret: string;
  /** Title, version and tags of the API's page. */
  about: About;
  /** Remembers what a request with an Idempotency-Key was answered. Without it keys are checked only. */
  answers?: AnswerMemory;
  /** Folder of the built web page; without it only the API is served. */
  webFolder?: string;
  /** Addresses of proxies whose `x-forwarded-for` is believed, as Fastify's `trustProxy`. */
  trustProxy?: string;
};

/** The largest body, bytes: 1,000 readings of 64 values fit. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** A request must have come in whole within this time. */
export const REQUEST_MS_MAX = 30_000;
/** A route must have answered within this time; then the client gets a 503. */
export const ANSWER_MS_MAX = 15_000;

const correlationIdPattern = /^[A-Za-z0-9._:-]{1,64}$/;

/**
 * Makes the application: parsing by zod, access tokens, problem details, correlation ids, Idempotency-Key, rate limits,
 * OpenAPI at `/api/docs`, and the web page with its fallback. Register routes with `mount` before `ready` or `listen`.
 */
export async function createApp(options: AppOptions): Promise<App> {
  const { logger, jwtSecret, about, answers, webFolder, trustProxy } = options;
  const app: App = fastify({
    loggerInstance: logger satisfies FastifyBaseLogger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    handlerTimeout: ANSWER_MS_MAX,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 128 },
    genReqId: correlationIdOf,
    ...(trustProxy === undefined ? {} : { trustProxy }),
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-correlation-id', request.id);
  });
  endConnectionsOnClose(app);
  secureHeaders(app);
  answerProblems(app);
  await app.register(cookie);
  await app.register(jwt, {
    secret: jwtSecret,
    sign: { algorithm: 'HS256', expiresIn: ACCESS_TOKEN_SECONDS },
    verify: { algorithms: ['HS256'] },
  });
  await app.register(rateLimit, { global: false });
  rememberAnswers(app, answers, jwtSecret);
  await describeApi(app, about);
  answerUnknown(app, await serveWeb(app, webFolder));
  return app;
}

/** What is under way when the app closes is answered, and its connection then ends instead of being kept alive. */
function endConnectionsOnClose(app: App): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close');
  });
}

/** Adds the routes of one slice. */
export async function mount<Deps>(app: App, routes: Routes<Deps>, deps: Deps): Promise<void> {
  await app.register(async (scope) => routes(scope.withTypeProvider<ZodTypeProvider>(), deps));
}

/** The caller's `x-correlation-id`, if it is one; else a new one. It follows the request into every event it causes. */
function correlationIdOf(request: IncomingMessage): string {
  const given = request.headers['x-correlation-id'];
  return typeof given === 'string' && correlationIdPattern.test(given) ? given : randomUUID();
}
