import { setTimeout as sleep } from 'node:timers/promises';
import { sessionView } from '@stratum/contracts/account/account.ts';
import { commandAnswer } from '@stratum/contracts/http.ts';
import { shopfloorsView } from '@stratum/contracts/shopfloor/shopfloor.ts';
import type { z } from 'zod';

/** The demo account that places orders. */
const EMAIL = 'erp@stratum.local';
const ANSWER_MS_MAX = 10_000;
const ATTEMPTS_MAX = 60;
const RETRY_MS_MAX = 5_000;

/** The public API as the simulated ERP owner uses it. All of it tries again for some minutes, then rejects. */
export type ErpOwner = {
  /** Resolves when the API takes requests. */
  isReady(): Promise<void>;
  /** How many shopfloors are live. */
  liveFloors(): Promise<number>;
  /** Places an order; the same key again is the same order. Answers its id. */
  place(order: Record<string, unknown>, idempotencyKey: string): Promise<string>;
};

/** The API refuses, and would again. */
class ApiRefused extends Error {
  constructor(path: string, status: number, detail: string) {
    super(`${path} answered ${status}: ${detail}`);
    this.name = 'ApiRefused';
  }
}

/** Opens the API at a URL such as `http://127.0.0.1:8080`. Signs in when it must, and again when the token ends. */
export function erpOwner(apiUrl: string, password: string, signal: AbortSignal): ErpOwner {
  let token: string | undefined;

  return {
    isReady: async () => {
      await patiently(() => call('/ready', { method: 'GET' }));
    },
    liveFloors: async () => {
      const { shopfloors } = await ask('/api/shopfloors', shopfloorsView, { method: 'GET' });
      return shopfloors.filter(({ shopfloor }) => shopfloor.isLive).length;
    },
    place: async (order, idempotencyKey) => {
      const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey };
      const request = { method: 'POST', headers, body: JSON.stringify(order) };
      return (await ask('/api/orders', commandAnswer, request)).id;
    },
  };

  async function ask<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    request: Request,
  ): Promise<z.output<Schema>> {
    return schema.parse(await patiently(() => callSignedIn(path, request)));
  }

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
    const body = JSON.stringify({ email: EMAIL, password });
    const answer = await call('/api/auth/login', { method: 'POST', headers, body });
    if (answer === 'unauthorized') throw new ApiRefused('/api/auth/login', 401, `${EMAIL} may not sign in`);
    return sessionView.parse(answer).accessToken;
  }

  async function call(path: string, request: Request): Promise<unknown> {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    const response = await fetch(new URL(path, apiUrl), { ...request, signal: timeout });
    const text = await response.text();
    if (response.status === 401) return 'unauthorized';
    if (response.ok) return JSON.parse(text);
    // 429 and everything the server could not do may go better later.
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
      await sleep(Math.min(RETRY_MS_MAX, 250 * attempt), undefined, { signal });
    }
  }
}

type Request = { method: string; headers?: Record<string, string>; body?: string };
