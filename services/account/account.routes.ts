import {
  loginRequest,
  type Role,
  registerRequest,
  type SessionView,
  sessionView,
} from '@stratum/contracts/account/account.ts';
import { countAttempts, tooMany } from '@stratum/infra/http/attempts.ts';
import { commandIdOf } from '@stratum/infra/http/commands.ts';
import { Problem } from '@stratum/infra/http/problems.ts';
import type { ApiDeps, App, Routes } from '@stratum/infra/http/routes.ts';
import { ACCESS_TOKEN_SECONDS } from '@stratum/infra/http/security.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { accountIdOf, type CredentialStore, type Credentials, hashPassword, passwordCheck } from './credentials.ts';
import { recordAccount } from './record-account.ts';
import type { Refresh, Sessions } from './sessions.ts';

/** What these routes need beside what every slice gets. */
export type AccountDeps = Pick<ApiDeps, 'store' | 'now'> & {
  credentials: CredentialStore;
  sessions: Sessions;
  bcryptCost: number;
  /**
   * Port of the API. Browsers keep one cookie jar for all ports of a host, so the name of the cookie holds it: two copies on
   * one machine keep their sessions apart.
   */
  port: number;
};

/** Who registers by themselves becomes this. */
const ROLE_AT_REGISTRATION: Role = 'user';
/** Wrong passwords per account and address before the door stays shut for the rest of the window. */
const FAILED_LOGINS_MAX = 10;
/** As that, per address over all accounts: who tries one password on each of many is shut out too. A whole site may share one. */
const FAILED_LOGINS_PER_ADDRESS_MAX = 100;
const FAILED_LOGINS_WINDOW_SECONDS = 300;
/** Registrations per address and minute: each costs a password hash. */
const REGISTRATIONS_PER_MINUTE_MAX = 30;
const cookieNameOf = (port: number) => `stratum_refresh_${port}`;
/** The cookie goes to these routes only. */
const COOKIE_PATH = '/api/auth';

const tags = ['accounts'];
/** Answers hold tokens, so that they are never kept for an Idempotency-Key. */
const config = { keepsAnswer: false };

/** Registering, signing in, staying signed in, signing out. */
export const accountRoutes: Routes<AccountDeps> = (app, deps) => {
  const { credentials: store, sessions, bcryptCost, now } = deps;
  const cookieName = cookieNameOf(deps.port);
  const matches = passwordCheck(bcryptCost);
  const failedLogins = countAttempts(FAILED_LOGINS_MAX, FAILED_LOGINS_WINDOW_SECONDS, now);
  const failedFrom = countAttempts(FAILED_LOGINS_PER_ADDRESS_MAX, FAILED_LOGINS_WINDOW_SECONDS, now);
  const signedInAs = async (email: string, password: string): Promise<Credentials | undefined> => {
    const found = (await store.find(email))?.credentials;
    return (await matches(password, found)) ? found : undefined;
  };

  app.post(
    '/api/auth/register',
    {
      config: { ...config, rateLimit: registrationLimit },
      schema: { tags, summary: 'Register an account', body: registerRequest, response: { 201: sessionView } },
    },
    async (request, reply) => {
      const { email, password, name } = request.body;
      const commandId = commandIdOf(request);
      const bcryptHash = await hashPassword(password, bcryptCost);
      const accountId = accountIdOf(email);
      const fresh = { accountId, email, name, role: ROLE_AT_REGISTRATION, bcryptHash, commandId, isDemo: false };
      if (!(await store.create(fresh))) {
        const existing = (await store.find(email))?.credentials;
        const isSameRequest = existing?.commandId === commandId && (await matches(password, existing));
        if (!isSameRequest) throw emailTaken();
      }
      await recordAccount(deps.store, fresh, { correlationId: request.id, time: now().toISOString() });
      return reply.code(201).send(signIn({ app, request, reply, cookieName }, fresh, await sessions.start(email)));
    },
  );

  app.post(
    '/api/auth/login',
    { config, schema: { tags, summary: 'Sign in', body: loginRequest, response: { 200: sessionView } } },
    async (request, reply) => {
      const { email, password } = request.body;
      const who = `${email} ${request.ip}`;
      failedFrom.begin(request.ip);
      failedLogins.begin(who);
      const forgive = () => {
        failedFrom.forgive(request.ip);
        failedLogins.forgive(who);
      };
      const found = await signedInAs(email, password).catch((error: unknown) => {
        forgive();
        throw error;
      });
      if (found === undefined) throw wrongPassword();
      forgive();
      await recordAccount(deps.store, found, { correlationId: request.id, time: now().toISOString() });
      return signIn({ app, request, reply, cookieName }, found, await sessions.start(email));
    },
  );

  app.post(
    '/api/auth/refresh',
    {
      config,
      schema: { tags, summary: 'Exchange the refresh cookie for a new access token', response: { 200: sessionView } },
    },
    async (request, reply) => {
      const token = request.cookies[cookieName];
      if (token === undefined) throw signInAgain('There is no session.');
      const refresh = await sessions.exchange(token);
      if (refresh === 'reused') request.log.warn('a refresh token came a second time; its session is ended');
      if (typeof refresh === 'string') throw signInAgain('The session has ended.');
      const found = (await store.find(refresh.email))?.credentials;
      if (found === undefined) throw signInAgain('The account is gone.');
      return signIn({ app, request, reply, cookieName }, found, refresh);
    },
  );

  app.post(
    '/api/auth/logout',
    { config, schema: { tags, summary: 'End the session', response: { 204: z.undefined() } } },
    async (request, reply) => {
      const token = request.cookies[cookieName];
      if (token !== undefined) await sessions.end(token);
      return reply.clearCookie(cookieName, { path: COOKIE_PATH }).code(204).send();
    },
  );
};

const registrationLimit = {
  max: REGISTRATIONS_PER_MINUTE_MAX,
  timeWindow: 60_000,
  errorResponseBuilder: (_request: FastifyRequest, context: { ttl: number }) => tooMany(Math.ceil(context.ttl / 1000)),
};

type Exchange = { app: App; request: FastifyRequest; reply: FastifyReply; cookieName: string };

function signIn({ app, request, reply, cookieName }: Exchange, who: Credentials, refresh: Refresh): SessionView {
  const floor = who.shopfloorId === undefined ? {} : { shopfloorId: who.shopfloorId };
  const claims = { email: who.email, name: who.name, role: who.role, ...floor };
  reply.header('cache-control', 'no-store').setCookie(cookieName, refresh.token, {
    path: COOKIE_PATH,
    httpOnly: true,
    sameSite: 'strict',
    secure: request.protocol === 'https',
    maxAge: refresh.secondsLeft,
  });
  return {
    accessToken: app.jwt.sign({ sub: who.accountId, ...claims }),
    expiresInSeconds: ACCESS_TOKEN_SECONDS,
    user: { id: who.accountId, ...claims },
  };
}

const emailTaken = (): Problem =>
  new Problem(409, 'Refused', {
    code: 'EmailTaken',
    detail: 'There is an account with this e-mail address already.',
    errors: [{ field: 'email', message: 'has an account already' }],
  });

/** The same words for an unknown e-mail and a wrong password. */
const wrongPassword = (): Problem =>
  new Problem(401, 'Sign-in failed', { code: 'WrongPassword', detail: 'E-mail or password is not right.' });

const signInAgain = (detail: string): Problem => new Problem(401, 'Sign in first', { code: 'SessionEnded', detail });
