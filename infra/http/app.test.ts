import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Rejected } from '@stratum/contracts/decider.ts';
import { instantSchema } from '@stratum/contracts/envelope.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type AppOptions, createApp, mount } from './app.ts';
import { commandOf } from './commands.ts';
import { Problem } from './problems.ts';
import type { App, Routes } from './routes.ts';
import { requires, userOf } from './security.ts';

const secret = 'a secret of at least thirty-two characters';
const about = {
  title: 'Test',
  description: 'A test',
  version: '1.0.0',
  tags: [{ name: 'things', description: 'Things' }],
};

const thing = z.strictObject({
  quantity: z.number().int('must be a whole number').min(1),
  name: z.string().min(1).max(5),
  at: instantSchema.optional(),
});

const routes: Routes<null> = (app) => {
  app.post('/api/things', { schema: { tags: ['things'], body: thing } }, async (request) =>
    commandOf(request, 'MakeThing', request.body),
  );
  app.get(
    '/api/things/:id',
    { schema: { params: z.object({ id: z.string().max(3) }) } },
    async (request) => request.params,
  );
  app.get('/api/refused', async () => {
    throw new Rejected('ThingGone', 'The thing is gone.', 'id');
  });
  app.get('/api/broken', async () => {
    throw new Error('a secret of the inside');
  });
  app.get('/api/late', async () => {
    throw Object.assign(new Error('late'), { name: 'NotYet' });
  });
  app.get('/api/away', async () => {
    throw new Problem(410, 'Away', { detail: 'It went away.' });
  });
  app.get('/api/wrong-answer', { schema: { response: { 200: z.object({ n: z.number() }) } } }, async () => ({
    n: Number.NaN,
  }));
  app.get('/api/mine', { onRequest: requires('log:read') }, async (request) => userOf(request));
};

const open = async (more: Partial<AppOptions> = {}): Promise<App> => {
  const app = await createApp({ logger: pino({ level: 'silent' }), jwtSecret: secret, about, ...more });
  await mount(app, routes, null);
  await app.ready();
  return app;
};

let app: App;
beforeAll(async () => {
  app = await open();
});
afterAll(() => app.close());

const post = (payload: unknown, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/api/things', payload: payload as object, headers });

test('a bad field is named in words, in the detail and in the list', async () => {
  const answer = await post({ quantity: 1.5, name: 'a' });
  expect(answer.statusCode).toBe(400);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.json()).toEqual({
    type: 'about:blank',
    title: 'The request is not valid',
    status: 400,
    detail: 'quantity: must be a whole number',
    instance: '/api/things',
    errors: [{ field: 'quantity', message: 'must be a whole number' }],
    correlationId: answer.headers['x-correlation-id'],
  });
});

test.each([
  [{ name: 'a' }, 'quantity: is missing'],
  [{ quantity: 0, name: 'a' }, 'quantity: must be at least 1'],
  [{ quantity: 'x', name: 'a' }, 'quantity: must be a number'],
  [{ quantity: 1, name: '' }, 'name: must have at least 1 characters'],
  [{ quantity: 1, name: 'abcdef' }, 'name: must have at most 5 characters'],
  [{ quantity: 1, name: 'a', colour: 'red' }, 'colour: is not a known field'],
  [{ quantity: 1, name: 'a', at: 'noon' }, 'at: must be a UTC instant such as 2026-11-24T20:15:00Z'],
  [[], 'body: must be an object'],
])('%j is refused: %s', async (payload, detail) => {
  expect((await post(payload)).json()).toMatchObject({ status: 400, detail });
});

test('a bad part of the path is named too', async () => {
  const answer = await app.inject('/api/things/abcd');
  expect(answer.json()).toMatchObject({ status: 400, detail: 'id: must have at most 3 characters' });
});

test('malformed JSON, another content type and a body too large are problems', async () => {
  const json = { 'content-type': 'application/json' };
  expect((await app.inject({ method: 'POST', url: '/api/things', payload: '{', headers: json })).json()).toMatchObject({
    status: 400,
    detail: 'The body is not valid JSON.',
  });
  expect((await app.inject({ method: 'POST', url: '/api/things', payload: '', headers: json })).json()).toMatchObject({
    status: 400,
    detail: 'The body is empty; send JSON.',
  });
  const xml = { 'content-type': 'application/xml' };
  expect(
    (await app.inject({ method: 'POST', url: '/api/things', payload: '<a/>', headers: xml })).json(),
  ).toMatchObject({
    status: 415,
    detail: 'Send the body as application/json.',
  });
  const large = JSON.stringify({ name: 'x'.repeat(5_000_000) });
  expect((await app.inject({ method: 'POST', url: '/api/things', payload: large, headers: json })).statusCode).toBe(
    413,
  );
});

test('an unknown path is 404, a known path with another method 405 that names the right ones', async () => {
  expect((await app.inject('/api/nothing')).json()).toMatchObject({
    status: 404,
    detail: 'There is nothing at /api/nothing.',
  });
  const answer = await app.inject({ method: 'DELETE', url: '/api/things/a?x=1' });
  expect(answer.statusCode).toBe(405);
  expect(answer.headers.allow).toBe('GET, HEAD');
});

test('what the business refuses is 409 with its code', async () => {
  expect((await app.inject('/api/refused')).json()).toMatchObject({
    type: 'urn:stratum:problem:ThingGone',
    status: 409,
    code: 'ThingGone',
    detail: 'The thing is gone.',
    errors: [{ field: 'id', message: 'The thing is gone.' }],
  });
});

test('a defect tells its correlation id and nothing else', async () => {
  for (const url of ['/api/broken', '/api/wrong-answer']) {
    const answer = await app.inject({ url, headers: { 'x-correlation-id': 'look-here' } });
    expect(answer.statusCode).toBe(500);
    expect(answer.json().correlationId).toBe('look-here');
    expect(answer.body).not.toContain('inside');
    expect(answer.body).not.toContain('.ts');
  }
});

test('a read model that is behind is 503 with Retry-After', async () => {
  const answer = await app.inject('/api/late');
  expect(answer.statusCode).toBe(503);
  expect(answer.headers['retry-after']).toBe('1');
});

test('a problem thrown by a route is answered as it is', async () => {
  expect((await app.inject('/api/away')).json()).toMatchObject({ status: 410, title: 'Away', detail: 'It went away.' });
});

test('the correlation id of the caller is kept if it is one', async () => {
  const kept = await post({ quantity: 1, name: 'a' }, { 'x-correlation-id': 'abc-1' });
  expect(kept.headers['x-correlation-id']).toBe('abc-1');
  expect(kept.json().correlationId).toBe('abc-1');
  const replaced = await app.inject({ url: '/api/nothing', headers: { 'x-correlation-id': 'no good' } });
  expect(replaced.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
});

test('the same Idempotency-Key makes the same command, another or none another', async () => {
  const id = async (key?: string) => {
    const answer = await post({ quantity: 1, name: 'a' }, key === undefined ? {} : { 'idempotency-key': key });
    return answer.json().id as string;
  };
  expect(await id('one')).toBe(await id('one'));
  expect(await id('one')).not.toBe(await id('two'));
  expect(await id()).not.toBe(await id());
});

const tokenOf = (role: string, more: object = {}) =>
  app.jwt.sign({ sub: 'a1', email: 'a@b.c', name: 'A', role, ...more });

test('without a token 401, with one whose role may not 403 that says who may, else the user', async () => {
  const ask = (authorization?: string) =>
    app.inject({ url: '/api/mine', headers: authorization === undefined ? {} : { authorization } });
  const missing = await ask();
  expect(missing.headers['www-authenticate']).toBe('Bearer');
  expect(missing.json()).toMatchObject({ status: 401, code: 'TokenMissing' });
  expect((await ask('Bearer nonsense')).json()).toMatchObject({ status: 401, code: 'TokenInvalid' });
  expect((await ask('Bearer')).json()).toMatchObject({ status: 401 });
  expect((await ask(`Bearer ${tokenOf('king')}`)).json()).toMatchObject({ status: 401, code: 'TokenInvalid' });
  const expired = app.jwt.sign({ sub: 'a1', email: 'a@b.c', name: 'A', role: 'admin', iat: 1, exp: 2 });
  expect((await ask(`Bearer ${expired}`)).json()).toMatchObject({ status: 401, code: 'TokenExpired' });
  expect((await ask(`Bearer ${tokenOf('user')}`)).json()).toMatchObject({
    status: 403,
    detail: 'Your role user may not do this (log:read); these may: auditor, admin.',
  });
  expect((await ask(`Bearer ${tokenOf('auditor')}`)).json()).toEqual({
    id: 'a1',
    email: 'a@b.c',
    name: 'A',
    role: 'auditor',
  });
});

test('a token signed with another algorithm or key is refused', async () => {
  const other = await open({ jwtSecret: 'another secret of more than thirty-two characters' });
  const token = other.jwt.sign({ sub: 'a1', email: 'a@b.c', name: 'A', role: 'admin' });
  await other.close();
  const [, payload] = token.split('.');
  const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`;
  for (const forged of [token, none]) {
    const answer = await app.inject({ url: '/api/mine', headers: { authorization: `Bearer ${forged}` } });
    expect(answer.json()).toMatchObject({ status: 401, code: 'TokenInvalid' });
  }
});

test('the API describes itself in OpenAPI 3.1 with its problems', async () => {
  const document = (await app.inject('/api/docs/json')).json();
  expect(document.openapi).toBe('3.1.0');
  const route = document.paths['/api/things'].post;
  expect(route.security).toEqual([{ accessToken: [] }]);
  expect(Object.keys(route.responses)).toEqual(expect.arrayContaining(['400', '401', '403', '409', '422', '503']));
  expect(route.responses['400'].content['application/problem+json'].schema.properties.errors).toBeDefined();
  expect(route.parameters).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: 'idempotency-key', in: 'header' })]),
  );
  const page = await app.inject({ url: '/api/docs/', headers: { accept: 'text/html' } });
  expect(page.statusCode).toBe(200);
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
});

test('the web page is served without caching, its assets for ever, and its own paths fall back to it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'web-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<title>Plant</title>');
  await writeFile(join(folder, 'assets', 'index-abc.js'), '1');
  await writeFile(join(folder, 'robots.txt'), 'x');
  const web = await open({ webFolder: folder });
  const html = { accept: 'text/html' };
  for (const url of ['/', '/orders/ORD-1', '/alerts?x=1']) {
    const page = await web.inject({ url, headers: html });
    expect([page.statusCode, page.headers['cache-control'], page.body]).toEqual([
      200,
      'no-store',
      '<title>Plant</title>',
    ]);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
  }
  const asset = await web.inject('/assets/index-abc.js');
  expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
  expect((await web.inject('/robots.txt')).headers['cache-control']).toBe('no-cache');
  expect((await web.inject({ url: '/assets/old.js', headers: html })).statusCode).toBe(404);
  expect((await web.inject({ url: '/api/nothing', headers: html })).statusCode).toBe(404);
  expect((await web.inject({ url: '/orders/ORD-1', headers: { accept: 'application/json' } })).statusCode).toBe(404);
  expect((await web.inject({ url: '/../package.json', headers: html })).body).not.toContain('stratum');
  await web.close();
  await rm(folder, { recursive: true });
});
