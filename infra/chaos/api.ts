import { setTimeout as wait } from 'node:timers/promises';

const ANSWER_MS_MAX = 5_000;
const RETRY_MS = 200;
/** Whatever is killed is back long before this. */
const INSIST_MS_MAX = 120_000;

/** The API said no for a reason that trying again does not change. */
export class RefusedByApi extends Error {
  constructor(what: string, status: number, text: string) {
    super(`${what}: ${status} ${text.slice(0, 500)}`);
    this.name = 'RefusedByApi';
  }
}

/** Somebody who uses the API and does not give up while it is away. */
export type Api = {
  /** One attempt. Answers the body of a 2xx; `undefined` without an answer in time, or when there is no such thing yet. @throws RefusedByApi */
  ask(path: string): Promise<unknown>;
  /** Sends the same request with the same Idempotency-Key until it is answered with 2xx. @throws RefusedByApi, or Error after 2 minutes */
  insist(path: string, body: unknown, idempotencyKey: string): Promise<unknown>;
};

/** Signs in as the administrator of the demo accounts when needed, and again when the token has expired. */
export function apiAt(webUrl: string, password: string): Api {
  let token: string | undefined;
  return {
    ask: async (path) => {
      const answer = await attempt('GET', path, {});
      return answer?.body;
    },
    insist: async (path, body, idempotencyKey) => {
      const deadline = performance.now() + INSIST_MS_MAX;
      while (performance.now() < deadline) {
        const answer = await attempt('POST', path, { body, idempotencyKey });
        if (answer !== undefined) return answer.body;
        await wait(RETRY_MS);
      }
      throw new Error(`POST ${path} was not answered within ${INSIST_MS_MAX / 1000} s`);
    },
  };

  async function attempt(method: 'GET' | 'POST', path: string, request: Request): Promise<Answered | undefined> {
    token ??= await signIn();
    if (token === undefined) return undefined;
    const response = await send(method, path, { ...request, token });
    if (response === undefined || response.status >= 500 || response.status === 429) return undefined;
    if (response.status === 401) {
      token = undefined;
      return undefined;
    }
    if (method === 'GET' && response.status === 404) return undefined;
    if (response.status >= 400) throw new RefusedByApi(`${method} ${path}`, response.status, response.text);
    return { body: JSON.parse(response.text) };
  }

  async function signIn(): Promise<string | undefined> {
    const body = { email: 'admin@stratum.local', password };
    const response = await send('POST', '/api/auth/login', { body });
    if (response === undefined || response.status >= 500 || response.status === 429) return undefined;
    if (response.status !== 200) throw new RefusedByApi('signing in', response.status, response.text);
    const session: { accessToken: string } = JSON.parse(response.text);
    return session.accessToken;
  }

  /** `undefined`: no answer, or half of one. The server may have done it all the same. */
  async function send(method: string, path: string, { body, idempotencyKey, token }: Request) {
    try {
      const response = await fetch(new URL(path, webUrl), {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      return { status: response.status, text: await response.text() };
    } catch {
      return undefined;
    }
  }
}

type Request = { body?: unknown; idempotencyKey?: string; token?: string };
type Answered = { body: unknown };
