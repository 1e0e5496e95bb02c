import type { NatsConnection } from '@nats-io/nats-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { connectNats } from '../event-store/connection.ts';
import { bucket } from '../event-store/streams.ts';
import { openLog } from '../log.ts';
import { startNats, type TestNats } from '../testing/nats.ts';
import { createApp, mount } from './app.ts';
import { answersIn } from './idempotency.ts';
import { Problem } from './problems.ts';
import type { App, Routes } from './routes.ts';
import { requires } from './security.ts';

let nats: TestNats;
let nc: NatsConnection;
let app: App;
/** What the routes did, in order. */
let done: number[] = [];

const body = z.strictObject({ quantity: z.number(), note: z.string().optional() });

const routes: Routes<null> = (scope) => {
  const make = async (quantity: number) => {
    if (quantity < 0) throw new Problem(409, 'Refused', { code: 'Negative' });
    if (quantity > 1000) throw new Error('a defect');
    done.push(quantity);
    return { id: `thing-${quantity}`, position: `PLANT:${done.length}` };
  };
  scope.post('/api/things', { onRequest: requires(), schema: { body } }, async (request, reply) =>
    reply.code(201).send(await make(request.body.quantity)),
  );
  scope.post('/api/things/:id', { onRequest: requires(), schema: { body } }, (request) => make(request.body.quantity));
  scope.post('/api/secret', { config: { keepsAnswer: false }, schema: { body } }, (request) =>
    make(request.body.quantity),
  );
};

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats(nats.url, { name: 'idempotency-test' });
  app = await createApp({
    logger: openLog('test', 'silent'),
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
    answers: answersIn(await bucket(nc, 'idempotency')),
  });
  await mount(app, routes, null);
  await app.ready();
});
beforeEach(() => {
  done = [];
});
afterAll(async () => {
  await app?.close();
  await nc?.close();
  await nats?.[Symbol.asyncDispose]();
});

async function post(key: string | undefined, payload: object, { account = 'acc-1', url = '/api/things' } = {}) {
  const authorization = `Bearer ${app.jwt.sign({ sub: account, email: 'a@b.c', name: 'A', role: 'user' })}`;
  const headers = { authorization, ...(key === undefined ? {} : { 'idempotency-key': key }) };
  return app.inject({ method: 'POST', url, payload, headers });
}

test('the same request again is answered the same, and nothing is done twice', async () => {
  const first = await post('same', { quantity: 1, note: 'x' });
  const again = await post('same', { note: 'x', quantity: 1 });
  expect([again.statusCode, again.body]).toEqual([201, first.body]);
  expect(again.headers['content-type']).toBe(first.headers['content-type']);
  expect(first.headers['idempotency-replayed']).toBeUndefined();
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect(done).toEqual([1]);
});

test('the same key with another body is 422, also while the first is at work', async () => {
  const answers = await Promise.all([post('other', { quantity: 1 }), post('other', { quantity: 2 })]);
  expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([201, 422]);
  expect((await post('other', { quantity: 3 })).json()).toMatchObject({ status: 422, code: 'IdempotencyKeyReused' });
  expect(done).toHaveLength(1);
});

test('a key belongs to an account and a path', async () => {
  await post('mine', { quantity: 1 });
  expect((await post('mine', { quantity: 2 }, { account: 'acc-2' })).statusCode).toBe(201);
  expect((await post('mine', { quantity: 3 }, { url: '/api/things/a' })).statusCode).toBe(200);
  expect((await post('mine', { quantity: 4 }, { url: '/api/things/b' })).statusCode).toBe(200);
  expect(done).toEqual([1, 2, 3, 4]);
});

test('what was refused is not remembered: the key may be used for a better body', async () => {
  expect((await post('refused', { quantity: -1 })).statusCode).toBe(409);
  expect((await post('refused', { quantity: 'x' })).statusCode).toBe(400);
  expect((await post('refused', { quantity: 1 })).statusCode).toBe(201);
});

test('after a defect the same request may come again, another may not', async () => {
  expect((await post('defect', { quantity: 1001 })).statusCode).toBe(500);
  expect((await post('defect', { quantity: 1001 })).statusCode).toBe(500);
  expect((await post('defect', { quantity: 1 })).statusCode).toBe(422);
});

test('an answer that holds a secret is not kept', async () => {
  const secret = (quantity: number) => post('secret', { quantity }, { url: '/api/secret' });
  await secret(1);
  await secret(1);
  expect(done).toEqual([1, 1]);
  expect((await secret(2)).statusCode).toBe(422);
  const kept = await (await bucket(nc, 'idempotency')).keys();
  for await (const key of kept) {
    const entry = await (await bucket(nc, 'idempotency')).get(key);
    expect(entry?.string()).not.toContain('secret');
  }
});

test.each(['', 'with space', 'é', 'x'.repeat(201)])('the key %j is refused', async (key) => {
  const answer = await post(key, { quantity: 1 });
  expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'Idempotency-Key' }] });
  expect(done).toEqual([]);
});

test('without a key every request is done', async () => {
  await post(undefined, { quantity: 1 });
  await post(undefined, { quantity: 1 });
  expect(done).toEqual([1, 1]);
});
