import { setTimeout as sleep } from 'node:timers/promises';
import { sessionView } from '@stratum/contracts/account/account.ts';
import type { z } from 'zod';

const ANSWER_MS_MAX = 10_000;
const ATTEMPTS_MAX = 60;
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 5_000;

/** The public API as one account uses it. All of it tries again for some minutes; then, or when refused, it rejects. */
export type ApiClient = {
  /** Resolves when the API takes requests. */
  isReady(): Promise<void>;
  get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>>;
  /** The same key again is the same request. */
  post<Schema extends z.ZodType>(
    path: string,
    body: Record<string, unknown>,
    schema: Schema,
    idempotencyKey: string,
  ): Promise<z.output<Schema>>;
};

/** Where the API is (`http://127.0.0.1:8080`) and who asks. */
export type ApiAccess = { apiUrl: string; email: string; password: string; signal: AbortSignal };

/** The API refuses, and would again. `status` is that of HTTP, 400..499. */
export class ApiRefused extends Error {
  readonly status: number;

  constructor(path: string, status: number, detail: string) {
    super(`${path} answered ${status}: ${detail}`);
    this.name = 'ApiRefused';
    this.status = status;
  }
}

/** Opens the API. Signs in when it must, and again when the access token ends. */
export function apiAs({ apiUrl, email, password, signal }: ApiAccess): ApiClient {
  let token: string | undefined;

  return {
    isReady: async () => {
      await patiently(() => call('/ready', { method: 'GET' }));
    },
    get: async (path, schema) => schema.parse(await patiently(() => callSignedIn(path, { method: 'GET' }))),
    post: async (path, body, schema, idempotencyKey) => {
      const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey };
      const request = { method: 'POST', headers, body: JSON.stringify(body) };
      return schema.parse(await patiently(() => callSignedIn(path, request)));
    },
  };

  async function callSignedIn(path: string, request: Request): Promise<unknown> {
    token ??= await signIn();
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    const answer = await call(path, { ...request, headers });
    if (answer !== 'unauthorized') return answer;
    token = undefined;
    throw new Error(`the access token was not taken by ${path}`);
  }

  async function signIn(): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ email, password });
    const answer = await call('/api/auth/login', { method: 'POST', headers, body });
    if (answer === 'unauthorized') throw new ApiRefused('/api/auth/login', 401, `${email} may not sign in`);
    return sessionView.parse(answer).accessToken;
  }

  async function call(path: string, request: Request): Promise<unknown> {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    const response = await fetch(new URL(path, apiUrl), { ...request, signal: timeout });
    const text = await response.text();
    if (response.status === 401) return 'unauthorized';
    if (response.ok) return JSON.parse(text);
    // What the server could not do, or not so often, may go better later.
    if (response.status >= 500 || response.status === 429) throw new Error(`${path} answered ${response.status}`);
    throw new ApiRefused(path, response.status, text.slice(0, 300));
  }

  async function patiently<Result>(task: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await task();
      } catch (error) {
        if (signal.aborted || error instanceof ApiRefused || attempt === ATTEMPTS_MAX) throw error;
      }
      await sleep(Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * attempt), undefined, { signal });
    }
  }
}

type Request = { method: string; headers?: Record<string, string>; body?: string };
