import { createHash, randomUUID } from 'node:crypto';
import type { Actor, Command, Instant } from '@stratum/contracts/envelope.ts';
import type { FastifyRequest } from 'fastify';
import { accountIdOf } from './security.ts';

/** Who a request without an account is, in the log. */
const ACTOR_UNKNOWN: Actor = 'account:unknown';

/**
 * Makes the command a request wishes for. With an Idempotency-Key its id comes from key, account and path, so that the
 * same request again is the same command; without one it is random. `occurredAt` is when it happened by the source's
 * claim; now, if not given.
 */
export function commandOf<Type extends string, Data>(
  request: FastifyRequest,
  type: Type,
  data: Data,
  occurredAt?: Instant,
): Command<Type, Data> {
  const accountId = accountIdOf(request);
  return {
    id: commandIdOf(request),
    type,
    data,
    actor: accountId === undefined ? ACTOR_UNKNOWN : `account:${accountId}`,
    correlationId: request.id,
    time: occurredAt ?? new Date().toISOString(),
  };
}

/** The id of the command in this request: 32 characters of base64url from the Idempotency-Key, or a random UUID. */
export function commandIdOf(request: FastifyRequest): string {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') return randomUUID();
  return digestOf(accountIdOf(request) ?? '', request.method, pathOf(request), key).slice(0, 32);
}

/** The path that was asked for, without its query. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url;
}

/** SHA-256 of several texts as base64url; unambiguous, because each is preceded by its length. */
export function digestOf(...parts: string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('base64url');
}
