/** Longest wait for one answer. */
const ANSWER_MS_MAX = 10_000;

/** Calls the API as one account and answers the parsed body of any status below 300. Throws with status and body otherwise. */
export type ApiClient = (
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<unknown>;

/** Signs a demo account in over HTTP: `account` is the part of its e-mail before `@stratum.local`. */
export async function signIn(webUrl: string, account: string, password: string): Promise<ApiClient> {
  const login = { email: `${account}@stratum.local`, password };
  const session = await send(webUrl, 'POST', '/api/auth/login', { body: login });
  if (typeof session !== 'object' || session === null || !('accessToken' in session))
    throw new Error('no access token');
  const authorization = `Bearer ${String(session.accessToken)}`;
  return (method, path, body, headers = {}) =>
    send(webUrl, method, path, { body, headers: { ...headers, authorization } });
}

async function send(
  webUrl: string,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> },
): Promise<unknown> {
  const answer = await fetch(new URL(path, webUrl), {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}
