import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from './commands.ts';
import type { App } from './routes.ts';

/** Nothing from elsewhere, nothing inline but styles (charts and transitions set them), WebAssembly for the code scanner. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const headers = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'geolocation=(), microphone=(), camera=(self)',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Sends the headers that keep a browser from being talked into something, with every answer. */
export function secureHeaders(app: App): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(headers);
  });
}

/** Files under this folder carry a hash of their content in their name and never change. */
const HASHED_FOLDER = `${sep}assets${sep}`;
/** How long a browser may keep them: a year. */
const HASHED_SECONDS_KEPT = 31_536_000;

/**
 * Serves the built web page, if it is there, and tells whether it is. Hashed assets are cached for ever, the page itself
 * never.
 */
export async function serveWeb(app: App, webFolder: string | undefined): Promise<boolean> {
  if (webFolder === undefined || !existsSync(join(webFolder, 'index.html'))) return false;
  await app.register(fastifyStatic, {
    root: webFolder,
    index: false,
    preCompressed: true,
    cacheControl: false,
    schemaHide: true,
    setHeaders: (reply, path) => reply.header('cache-control', cacheControlOf(path)),
  });
  app.get('/', { schema: { hide: true } }, (_request, reply) => sendPage(reply));
  return true;
}

/** Answers with the web page itself, which is never cached: it names the assets of this build. */
export function sendPage(reply: FastifyReply): FastifyReply {
  return reply.code(200).sendFile('index.html');
}

/** Whether a browser asks for a page: then a path that nobody else knows is the web page's own. */
export function asksForPage(request: FastifyRequest): boolean {
  const path = pathOf(request);
  const isFile = path.slice(path.lastIndexOf('/')).includes('.');
  const isOurs = path.startsWith('/api') || path === '/health' || path === '/ready';
  return request.method === 'GET' && !isFile && !isOurs && (request.headers.accept ?? '').includes('text/html');
}

function cacheControlOf(path: string): string {
  if (path.includes(HASHED_FOLDER)) return `public, max-age=${HASHED_SECONDS_KEPT}, immutable`;
  return path.endsWith('.html') ? 'no-store' : 'no-cache';
}
