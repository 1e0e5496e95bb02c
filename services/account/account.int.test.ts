import type { NatsConnection } from '@nats-io/nats-core';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { openStore, type Store } from '@stratum/infra/event-store/store.ts';
import { bucket, ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import { answersIn } from '@stratum/infra/http/idempotency.ts';
import type { App } from '@stratum/infra/http/routes.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accountRoutes } from './account.routes.ts';
import { accountIdOf, type CredentialStore, openCredentials } from './credentials.ts';
import { demoEmails, seedAccounts } from './seed.ts';
import { openSessions, ROTATION_GRACE_SECONDS, SESSION_SECONDS } from './sessions.ts';

/** The least bcrypt takes; what is tested is not how costly it is. */
const BCRYPT_COST = 4;
const password = 'a long enough password';

let server: TestNats;
let nc: NatsConnection;
let store: Store;
let credentials: CredentialStore;
let app: App;
let clockAheadSeconds = 0;
const now = () => new Date(Date.now() + clockAheadSeconds * 1000);

beforeAll(async () => {
  server = await startNats();
  nc = await connectNats(server.url, { name: 'account-test' });
  await ensureStreams(nc);
  store = openStore(nc);
  credentials = openCredentials(await bucket(nc, 'accounts'));
  app = await createApp({
    logger: pino({ level: 'silent' }),
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
    answers: answersIn(await bucket(nc, 'idempotency')),
  });
  const sessions = openSessions(await bucket(nc, 'sessions'), now);
  await mount(app, accountRoutes, { store, credentials, sessions, bcryptCost: BCRYPT_COST, port: 8080, now });
  await app.ready();
});
afterAll(async () => {
  await app?.close();
  await nc?.close();
  await server?.[Symbol.asyncDispose]();
});

const post = (path: string, payload?: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: `/api/auth/${path}`, headers, ...(payload === undefined ? {} : { payload }) });
const register = (email: string, headers: Record<string, string> = {}, name = 'Anna') =>
  post('register', { email, password, name }, headers);
const login = (email: string, secret = password) => post('login', { email, password: secret });
const refresh = (cookie: string) => post('refresh', undefined, { cookie });

type Answer = Awaited<ReturnType<typeof post>>;
const cookieOf = (answer: Answer): string => String(answer.headers['set-cookie']).split(';', 1)[0] ?? '';

const eventsOf = (email: string) => store.read({ site: 'main', entity: 'account', id: accountIdOf(email) });

test('registering makes a user with a session and one event that holds no secret', async () => {
  const answer = await register(' Anna@Example.org ');
  expect(answer.statusCode).toBe(201);
  expect(answer.json()).toEqual({
    accessToken: expect.any(String),
    expiresInSeconds: 900,
    user: { id: accountIdOf('anna@example.org'), email: 'anna@example.org', name: 'Anna', role: 'user' },
  });
  expect(String(answer.headers['set-cookie'])).toMatch(
    /^stratum_refresh_8080=[\w-]{43}; Max-Age=604800; Path=\/api\/auth; HttpOnly; SameSite=Strict$/,
  );
  expect(answer.headers['cache-control']).toBe('no-store');
  const events = await eventsOf('anna@example.org');
  expect(events.map(({ type, data }) => ({ type, data }))).toEqual([
    {
      type: 'AccountRegistered',
      data: { accountId: accountIdOf('anna@example.org'), email: 'anna@example.org', name: 'Anna', role: 'user' },
    },
  ]);
  const claims = app.jwt.decode<{ exp: number; iat: number }>(answer.json().accessToken);
  expect(claims).toMatchObject({ sub: accountIdOf('anna@example.org'), role: 'user' });
  expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBe(900);
});

test('of many who register one e-mail at once exactly one succeeds', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, () => register('rush@example.org')));
  expect(answers.map((answer) => answer.statusCode).toSorted()).toEqual([201, ...Array(7).fill(409)]);
  expect(answers.find((answer) => answer.statusCode === 409)?.json()).toMatchObject({
    code: 'EmailTaken',
    errors: [{ field: 'email', message: 'has an account already' }],
  });
  expect(await eventsOf('rush@example.org')).toHaveLength(1);
});

test('the same registration with its Idempotency-Key succeeds again, another body is 422, and no token is kept', async () => {
  const key = { 'idempotency-key': 'register-once' };
  expect((await register('once@example.org', key)).statusCode).toBe(201);
  const again = await register('once@example.org', key);
  expect(again.statusCode).toBe(201);
  expect(again.headers['idempotency-replayed']).toBeUndefined();
  expect(await eventsOf('once@example.org')).toHaveLength(1);
  expect((await register('other@example.org', key)).statusCode).toBe(422);
  expect((await register('once@example.org')).statusCode).toBe(409);
});

test('a short password and a bad e-mail are named', async () => {
  const answer = await post('register', { email: 'nobody', password: 'short', name: ' ' });
  expect(answer.json().errors).toEqual([
    { field: 'email', message: 'must be an e-mail address' },
    { field: 'password', message: 'must have at least 12 characters' },
    { field: 'name', message: 'must not be empty' },
  ]);
});

test('an unknown e-mail and a wrong password are answered alike', async () => {
  await register('known@example.org');
  const [unknown, wrong] = await Promise.all([login('nobody@example.org'), login('known@example.org', 'wrong')]);
  const { correlationId: _first, ...one } = unknown.json();
  const { correlationId: _second, ...other } = wrong.json();
  expect(one).toEqual(other);
  expect(one).toMatchObject({ status: 401, code: 'WrongPassword' });
});

test('too many wrong passwords shut the door for that account and address only', async () => {
  await register('target@example.org');
  const attempts = await Promise.all(Array.from({ length: 12 }, () => login('target@example.org', 'wrong')));
  expect(attempts.map((answer) => answer.statusCode).toSorted()).toEqual([...Array(10).fill(401), 429, 429]);
  const shut = await login('target@example.org');
  expect(shut.json()).toMatchObject({ status: 429, code: 'TooManyAttempts' });
  expect(Number(shut.headers['retry-after'])).toBeGreaterThan(290);
  expect((await login('known@example.org')).statusCode).toBe(200);
  clockAheadSeconds += 301;
  expect((await login('target@example.org')).statusCode).toBe(200);
});

test('one address that tries many accounts is shut out of all of them for a while', async () => {
  await register('bystander@example.org');
  const attempts: number[] = [];
  for (let wave = 0; wave < 11; wave += 1) {
    const wrong = Array.from({ length: 10 }, (_, index) => login(`guess${wave}-${index}@example.org`, 'wrong'));
    attempts.push(...(await Promise.all(wrong)).map((answer) => answer.statusCode));
  }
  expect(attempts).toEqual([...Array(100).fill(401), ...Array(10).fill(429)]);
  expect((await login('bystander@example.org')).statusCode).toBe(429);
  clockAheadSeconds += 301;
  expect((await login('bystander@example.org')).statusCode).toBe(200);
});

test('what was no answer was no wrong password: an outage shuts no door', async () => {
  await register('outage@example.org');
  const { find } = credentials;
  credentials.find = () => Promise.reject(new Unavailable('NATS is away'));
  for (let time = 0; time < 12; time += 1) expect((await login('outage@example.org')).statusCode).toBe(503);
  credentials.find = find;
  expect((await login('outage@example.org')).statusCode).toBe(200);
});

test('right passwords never shut the door', async () => {
  await register('busy@example.org');
  for (let time = 0; time < 15; time += 1) expect((await login('busy@example.org')).statusCode).toBe(200);
});

test('a refresh token is exchanged for a new one, and the old one ends the session when it comes back late', async () => {
  const first = cookieOf(await register('rotate@example.org'));
  const second = cookieOf(await refresh(first));
  expect(second).not.toBe(first);
  const third = cookieOf(await refresh(second));
  clockAheadSeconds += ROTATION_GRACE_SECONDS + 1;
  expect((await refresh(first)).json()).toMatchObject({ status: 401, code: 'SessionEnded' });
  expect((await refresh(third)).statusCode).toBe(401);
});

test('two tabs that refresh at once both stay signed in', async () => {
  const cookie = cookieOf(await register('tabs@example.org'));
  const answers = await Promise.all([refresh(cookie), refresh(cookie), refresh(cookie)]);
  expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200, 200]);
  clockAheadSeconds += ROTATION_GRACE_SECONDS + 1;
  for (const answer of answers) expect((await refresh(cookieOf(answer))).statusCode).toBe(200);
});

test('a session ends 7 days after it began, however often it was refreshed', async () => {
  const cookie = cookieOf(await register('week@example.org'));
  clockAheadSeconds += SESSION_SECONDS - 100;
  const late = await refresh(cookie);
  expect(String(late.headers['set-cookie'])).toMatch(/Max-Age=(100|99|98);/);
  clockAheadSeconds += 101;
  expect((await refresh(cookieOf(late))).statusCode).toBe(401);
});

test('logging out ends every token of the session', async () => {
  const first = cookieOf(await register('leave@example.org'));
  const second = cookieOf(await refresh(first));
  const answer = await post('logout', undefined, { cookie: second });
  expect(answer.statusCode).toBe(204);
  expect(String(answer.headers['set-cookie'])).toContain('stratum_refresh_8080=; Max-Age=0; Path=/api/auth');
  expect((await refresh(second)).statusCode).toBe(401);
  expect((await refresh(first)).statusCode).toBe(401);
  expect((await post('logout')).statusCode).toBe(204);
  expect((await post('refresh')).statusCode).toBe(401);
});

test('the log learns of an account at the next sign-in when the process died after the credentials', async () => {
  await register('twin@example.org');
  const found = await credentials.find('twin@example.org');
  const email = 'died@example.org';
  const orphan = { ...found?.credentials, email, accountId: accountIdOf(email) };
  await credentials.create(orphan as NonNullable<typeof found>['credentials']);
  expect(await eventsOf(email)).toHaveLength(0);
  expect((await login(email)).statusCode).toBe(200);
  expect(await eventsOf(email)).toHaveLength(1);
});

test('the seed makes one demo account per role, twice at once too, and a new password changes theirs only', async () => {
  const seed = (demoPassword: string) =>
    seedAccounts({ store, credentials, password: demoPassword, bcryptCost: BCRYPT_COST, now });
  await register('admin@stratum.local');
  await Promise.all([seed('first demo password'), seed('first demo password')]);
  for (const email of demoEmails.filter((one) => one !== 'admin@stratum.local')) {
    expect((await login(email, 'first demo password')).statusCode).toBe(200);
    expect(await eventsOf(email)).toHaveLength(1);
  }
  const floor = await login('floor2@stratum.local', 'first demo password');
  expect(floor.json().user).toMatchObject({ role: 'shopfloor-user', shopfloorId: 'shopfloor2' });
  await seed('second demo password');
  expect((await login('erp@stratum.local', 'first demo password')).statusCode).toBe(401);
  expect((await login('erp@stratum.local', 'second demo password')).statusCode).toBe(200);
  expect((await login('admin@stratum.local', 'second demo password')).statusCode).toBe(401);
  expect((await login('admin@stratum.local')).json().user.role).toBe('user');
  expect((await login('known@example.org')).statusCode).toBe(200);
});
