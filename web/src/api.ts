import type { z } from 'zod';
import { session } from './account/session.svelte.ts';
import { ApiProblem, type Exchange, exchange } from './http.ts';
import { newId } from './ids.ts';

export { ApiProblem } from './http.ts';

/** Extra attempts when a command got no answer; all carry the same idempotency key. */
const COMMAND_RETRIES_MAX = 2;
const COMMAND_RETRY_WAIT_MS = 400;

/** Values of a query string; `undefined` and `null` are left out. */
export type Query = Record<string, string | number | boolean | null | undefined>;

/** `pathOf('/api/orders', { state: 'Running' })` is `/api/orders?state=Running`. */
export function pathOf(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}

/** Reads. The answer is checked by the contract's schema. Throws an `ApiProblem`. */
export function get<Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  query: Query = {},
  signal?: AbortSignal,
): Promise<z.output<Schema>> {
  return authorized(schema, { method: 'GET', path: pathOf(path, query), signal });
}

/**
 * Sends a command. It gets one idempotency key, which stays the same when it is sent again after no answer came.
 * Throws an `ApiProblem`; `fields` of it belong under the form's fields.
 */
export async function post<Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  body: unknown = {},
): Promise<z.output<Schema>> {
  const request: Exchange = { method: 'POST', path, body, idempotencyKey: newId() };
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await authorized(schema, request);
    } catch (error) {
      if (!(error instanceof ApiProblem && error.mayPass) || attempt >= COMMAND_RETRIES_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, COMMAND_RETRY_WAIT_MS * (attempt + 1)));
    }
  }
}

/** Sends with the access token; on 401 renews it once and sends again. */
async function authorized<Schema extends z.ZodType>(schema: Schema, request: Exchange): Promise<z.output<Schema>> {
  try {
    return await exchange(schema, { ...request, accessToken: session.accessToken });
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401 || !(await session.refresh())) throw error;
    return exchange(schema, { ...request, accessToken: session.accessToken });
  }
}
