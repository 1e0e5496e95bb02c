import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { problemSchema } from '@stratum/contracts/http.ts';
import type { FastifySchema } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AS_OF_HEADER } from './queries.ts';
import type { App } from './routes.ts';

/** What the API's page says about the whole. */
export type About = {
  title: string;
  description: string;
  version: string;
  tags: { name: string; description: string }[];
};

/** Where the page is; the document itself is at `/api/docs/json`. */
export const DOCS_PATH = '/api/docs';

/** Paths that need no access token. */
const openPaths = [/^\/api\/auth\//, /^\/health$/, /^\/ready$/];

const problemStatuses: Record<string, string> = {
  '400': 'The request is not valid; errors name the fields',
  '401': 'No valid access token',
  '403': 'The role may not do this',
  '404': 'There is no such thing',
  '410': 'What `asOf` asks about is not kept any more',
  '409': 'The business says no; code says why',
  '415': 'The body is not JSON',
  '422': 'The Idempotency-Key was used for another body',
  '429': 'Too many attempts; see Retry-After',
  '503': 'Not available right now; see Retry-After',
};

const problemContent = { 'application/problem+json': { schema: z.toJSONSchema(problemSchema) } };

/** Publishes the API as an OpenAPI 3.1 document made from the routes' schemas, and a page to read and try it. */
export async function describeApi(app: App, about: About): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: about.title, description: about.description, version: about.version },
      tags: about.tags,
      components: {
        securitySchemes: {
          accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From /api/auth/login' },
        },
      },
    },
    transform: (route) => {
      const { schema, url } = jsonSchemaTransform(route);
      if (schema === undefined || schema.hide === true || !isDescribed(url))
        return { schema: { ...schema, hide: true }, url };
      return { schema: describeRoute(schema, url, [route.route.method].flat()), url };
    },
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, {
    routePrefix: DOCS_PATH,
    staticCSP: false,
    uiConfig: { persistAuthorization: false },
  });
}

function isDescribed(url: string): boolean {
  return (url.startsWith('/api/') && !url.startsWith(DOCS_PATH)) || url === '/health' || url === '/ready';
}

function describeRoute(schema: FastifySchema, url: string, methods: string[]): FastifySchema {
  const isOpen = openPaths.some((pattern) => pattern.test(url));
  const isWrite = methods.includes('POST');
  const isAboutPast = JSON.stringify(schema.querystring ?? {}).includes('"asOf"');
  const statuses = Object.keys(problemStatuses).filter((status) => {
    if (status === '401' || status === '403') return !isOpen || (status === '401' && url.startsWith('/api/auth/'));
    if (status === '404') return url.includes(':');
    if (status === '410') return isAboutPast;
    if (status === '429') return url.startsWith('/api/auth/');
    return isWrite || status === '400' || status === '503';
  });
  const problems = statuses.map((status) => [
    status,
    { description: problemStatuses[status], content: problemContent },
  ]);
  const successes = Object.entries(typeof schema.response === 'object' ? { ...schema.response } : {});
  const responses = successes.map(([status, one]) => [
    status,
    { 'x-response-description': successOf(status), ...(isAboutPast ? { headers: asOfHeader } : {}), ...Object(one) },
  ]);
  return {
    ...schema,
    ...(isWrite ? { headers: idempotencyHeader } : {}),
    ...(isOpen ? {} : { security: [{ accessToken: [] }] }),
    response: { ...Object.fromEntries(problems), ...Object.fromEntries(responses) },
  };
}

const successOf = (status: string): string =>
  status === '201' ? 'It is done' : status === '204' ? 'It is done; there is nothing to tell' : 'The answer';

const asOfHeader = {
  [AS_OF_HEADER]: {
    type: 'string',
    description: 'Given `asOf`: the positions that the answer is of, `PLANT:… TELEMETRY:…`',
  },
};

const idempotencyHeader = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      description: 'The same key with the same body is answered the same for 24 h, and nothing is done twice',
    },
  },
};
