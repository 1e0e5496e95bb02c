import type {} from '@fastify/jwt';
import { may, type Permission, permissionsOf, type Role, roleSchema } from '@stratum/contracts/account/account.ts';
import { tokenSchema } from '@stratum/contracts/subjects.ts';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from './problems.ts';

/** Who asks, as told by the access token. */
export type User = { id: string; email: string; name: string; role: Role; shopfloorId?: string };

/** An access token lives this long; a role that changes takes effect at the latest then. */
export const ACCESS_TOKEN_SECONDS = 900;

/** What an access token claims; `exp` is epoch seconds. */
const claimsSchema = z.object({
  sub: tokenSchema,
  email: z.string(),
  name: z.string(),
  role: roleSchema,
  shopfloorId: tokenSchema.optional(),
  exp: z.number(),
});

const users = new WeakMap<FastifyRequest, { user: User; expiresAt: Date }>();

/**
 * An `onRequest` hook that lets a request pass only with a valid access token whose role has the permission: 401 without,
 * 403 (naming the roles that may) otherwise. Without a permission any signed-in account passes.
 */
export function requires(permission?: Permission): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const user = await signedIn(request);
    if (permission === undefined || may(user.role, permission)) return;
    const roles = roleSchema.options.filter((role) => permissionsOf[role].includes(permission));
    throw new Problem(403, 'Not allowed', {
      code: 'NotAllowed',
      detail: `Your role ${user.role} may not do this (${permission}); these may: ${roles.join(', ')}.`,
    });
  };
}

/** Who asks. Only behind `requires`; without it this is a defect and throws. */
export function userOf(request: FastifyRequest): User {
  return identityOf(request).user;
}

/** When the token of this request ends. Only behind `requires`. */
export function expiryOf(request: FastifyRequest): Date {
  return identityOf(request).expiresAt;
}

/** Id of the account that asks, or `undefined` for a request that needs none. */
export function accountIdOf(request: FastifyRequest): string | undefined {
  return users.get(request)?.user.id;
}

function identityOf(request: FastifyRequest): { user: User; expiresAt: Date } {
  const identity = users.get(request);
  if (identity === undefined) throw new Error(`${request.method} ${request.url} asks who is there without requires()`);
  return identity;
}

async function signedIn(request: FastifyRequest): Promise<User> {
  const claims = claimsSchema.safeParse(await verified(request));
  if (!claims.success) throw signInFirst('TokenInvalid');
  const { sub, email, name, role, shopfloorId, exp } = claims.data;
  const user: User = { id: sub, email, name, role, ...(shopfloorId === undefined ? {} : { shopfloorId }) };
  users.set(request, { user, expiresAt: new Date(exp * 1000) });
  return user;
}

async function verified(request: FastifyRequest): Promise<object> {
  try {
    return await request.jwtVerify<object>();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'FST_JWT_AUTHORIZATION_TOKEN_EXPIRED') throw signInFirst('TokenExpired');
    throw signInFirst(code === 'FST_JWT_NO_AUTHORIZATION_IN_HEADER' ? 'TokenMissing' : 'TokenInvalid');
  }
}

const tokenProblems = {
  TokenExpired: 'The access token has expired; refresh it.',
  TokenMissing: 'Send the access token as Authorization: Bearer <token>.',
  TokenInvalid: 'The access token is not valid.',
};

function signInFirst(code: keyof typeof tokenProblems): Problem {
  return new Problem(401, 'Sign in first', { code, detail: tokenProblems[code] });
}
