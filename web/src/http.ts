import { type Problem, problemSchema } from '@stratum/contracts/http.ts';
import type { z } from 'zod';
import { newId } from './ids.ts';

/** An answer that takes longer than this is given up, milliseconds. */
export const REQUEST_TIMEOUT_MS = 15_000;

/**
 * The server said no. `status` is the HTTP status (0: no answer at all), `code` the business reason of a 409,
 * `fields` maps each wrong field to what is wrong with it, `correlationId` finds the request in the server's log.
 */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly code: string | undefined;
  readonly fields: Readonly<Record<string, string>>;
  readonly correlationId: string;

  constructor(problem: Problem, correlationId: string) {
    super(problem.detail ?? problem.title);
    this.status = problem.status;
    this.code = problem.code;
    this.fields = Object.fromEntries((problem.errors ?? []).map(({ field, message }) => [field, message]));
    this.correlationId = problem.correlationId ?? correlationId;
  }

  /** Whether it may pass by itself: no answer at all, or a part of the plant is away. */
  get mayPass(): boolean {
    return this.status === 0 || (this.status >= 502 && this.status <= 504);
  }
}

export type Exchange = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path with query, from `/api` on. */
  path: string;
  body?: unknown;
  accessToken?: string | null | undefined;
  /** The same key on every retry of one command, so that it happens once. */
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
};

/**
 * One request and its answer, checked by `schema`. Throws an `ApiProblem` for everything that goes wrong: a refusal, no
 * answer within `REQUEST_TIMEOUT_MS`, no connection, an answer of another shape. Only an abort by the caller stays an abort.
 */
export async function exchange<Schema extends z.ZodType>(schema: Schema, request: Exchange): Promise<z.output<Schema>> {
  const correlationId = newId();
  const response = await send(request, correlationId);
  const text = await response.text().catch(() => '');
  const answer = parseJson(text);
  if (!response.ok) throw new ApiProblem(problemOf(response, answer), correlationId);
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined ? '' : ` (${issue.path.map(String).join('.')}: ${issue.message})`;
  throw new ApiProblem(
    { type: 'about:blank', status: response.status, title: `The answer has an unexpected shape${where}` },
    correlationId,
  );
}

async function send(request: Exchange, correlationId: string): Promise<Response> {
  const timeout = AbortSignal.timeout(request.timeoutMs ?? REQUEST_TIMEOUT_MS);
  try {
    return await fetch(request.path, {
      method: request.method,
      headers: headersOf(request, correlationId),
      body: request.body === undefined ? null : JSON.stringify(request.body),
      credentials: 'same-origin',
      signal: request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]),
    });
  } catch (error) {
    if (request.signal?.aborted) throw error;
    const title = timeout.aborted
      ? 'The server did not answer in time'
      : 'The server cannot be reached. Check the connection and try again';
    throw new ApiProblem({ type: 'about:blank', status: 0, title }, correlationId);
  }
}

function headersOf(request: Exchange, correlationId: string): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json', 'x-correlation-id': correlationId };
  if (request.body !== undefined) headers['content-type'] = 'application/json';
  if (request.accessToken) headers.authorization = `Bearer ${request.accessToken}`;
  if (request.idempotencyKey !== undefined) headers['idempotency-key'] = request.idempotencyKey;
  return headers;
}

function problemOf(response: Response, answer: unknown): Problem {
  const problem = problemSchema.safeParse(answer);
  if (problem.success) return problem.data;
  const title = response.status >= 500 ? 'The server failed to answer' : `The server refused (${response.status})`;
  return { type: 'about:blank', status: response.status, title };
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
