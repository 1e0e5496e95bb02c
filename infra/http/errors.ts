import type { FastifyReply, FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import { pathOf } from './commands.ts';
import { fieldErrorsOf, plainMessage } from './field-errors.ts';
import { invalidRequest, PROBLEM_CONTENT_TYPE, Problem, problemBody, problemOf } from './problems.ts';
import type { App } from './routes.ts';
import { asksForPage, sendPage } from './web.ts';

const wholeOf: Record<string, string> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
};

/** Parses a part of a request by its zod schema; a refusal is a problem that names the fields. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const whole = wholeOf[httpPart ?? 'body'] ?? 'body';
  return (input: unknown) => {
    const result = z.safeParse(schema, input, { error: plainMessage });
    if (result.success) return { value: result.data };
    return { error: invalidRequest(fieldErrorsOf(result.error, whole)) };
  };
};

/** Makes every failure an answer as problem details, and logs those that are ours. */
export function answerProblems(app: App): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    if (problem.statusCode >= 500) request.log.error({ err: error, url: request.url }, problem.title);
    return sendProblem(problem, request, reply);
  });
}

/**
 * Answers for paths and methods that no route knows: 405 that names the methods if the path is one, else the web page
 * when a browser asks for a page, else 404. Call it before routes are added.
 */
export function answerUnknown(app: App, isPageServed: boolean): void {
  const methodsAt = rememberMethods(app);
  app.setNotFoundHandler((request, reply) => {
    const allowed = methodsAt(request.url);
    if (allowed.length > 0) {
      reply.header('allow', allowed.join(', '));
      const detail = `${pathOf(request)} does not know ${request.method}; it knows ${allowed.join(', ')}.`;
      return sendProblem(new Problem(405, 'Method not allowed', { detail }), request, reply);
    }
    if (isPageServed && asksForPage(request)) return sendPage(reply);
    return sendProblem(
      new Problem(404, 'Not found', { detail: `There is nothing at ${pathOf(request)}.` }),
      request,
      reply,
    );
  });
}

/** Answers with a problem. */
export function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (problem.more.retryAfterSeconds !== undefined) reply.header('retry-after', problem.more.retryAfterSeconds);
  if (problem.statusCode === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .code(problem.statusCode)
    .header('cache-control', 'no-store')
    .type(PROBLEM_CONTENT_TYPE)
    .serializer(JSON.stringify)
    .send(problemBody(problem, pathOf(request), request.id));
}

/** Which methods the routes at a path know, so that a wrong one is told from a wrong path. */
function rememberMethods(app: App): (url: string) => string[] {
  const routes: { methods: string[]; pattern: URLPattern }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    routes.push({ methods: [method].flat(), pattern: new URLPattern({ pathname: url }) });
  });
  return (url) => {
    const pathname = url.split('?', 1)[0] ?? url;
    const matching = routes.filter(({ pattern }) => pattern.test({ pathname }));
    return [...new Set(matching.flatMap(({ methods }) => methods))].toSorted();
  };
}
