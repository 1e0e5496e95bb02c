import {
  may,
  type Permission,
  type SessionView,
  sessionView,
  type UserView,
} from '@stratum/contracts/account/account.ts';
import { z } from 'zod';
import { ApiProblem, exchange } from '../http.ts';

/** Remembered only to know whether asking for a session at start is worth a request; holds no secret. */
const SIGNED_IN_HINT = 'stratum.signedIn';

/**
 * Who is signed in. The access token lives in memory only; the refresh token is an httpOnly cookie that scripts cannot read.
 */
class Session {
  #view = $state.raw<SessionView | null>(null);
  #refreshing: Promise<boolean> | null = null;
  #restored: Promise<boolean> | null = null;

  get user(): UserView | null {
    return this.#view?.user ?? null;
  }

  get accessToken(): string | null {
    return this.#view?.accessToken ?? null;
  }

  /** Whether the signed-in user may; false for nobody. */
  may(permission: Permission): boolean {
    return this.#view !== null && may(this.#view.user.role, permission);
  }

  /** Takes up the session of an earlier visit, once; true if there is one. */
  restore(): Promise<boolean> {
    if (this.#view !== null) return Promise.resolve(true);
    this.#restored ??= localStorage.getItem(SIGNED_IN_HINT) === null ? Promise.resolve(false) : this.refresh();
    return this.#restored;
  }

  /** Throws an `ApiProblem`: 401 wrong e-mail or password, 400 with fields. */
  async signIn(email: string, password: string): Promise<UserView> {
    return this.#take(await post('/api/auth/login', { email, password }));
  }

  /** Makes an account and signs in with it. Throws an `ApiProblem`: 409 e-mail taken, 400 with fields. */
  async register(name: string, email: string, password: string): Promise<UserView> {
    return this.#take(await post('/api/auth/register', { name, email, password }));
  }

  /** Asks for a new access token; many callers share one request. False: the session is over. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** Ends the session here and on the server. Being offline does not keep anyone signed in on this screen. */
  async signOut(): Promise<void> {
    const accessToken = this.accessToken;
    this.#forget();
    try {
      await exchange(z.unknown(), { method: 'POST', path: '/api/auth/logout', body: {}, accessToken });
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
    }
  }

  async #refresh(): Promise<boolean> {
    try {
      this.#take(await post('/api/auth/refresh', {}));
      return true;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (error.status === 401 || error.status === 403) this.#forget();
      return false;
    }
  }

  #take(view: SessionView): UserView {
    this.#view = view;
    localStorage.setItem(SIGNED_IN_HINT, '1');
    return view.user;
  }

  #forget(): void {
    this.#view = null;
    this.#restored = null;
    localStorage.removeItem(SIGNED_IN_HINT);
  }
}

function post(path: string, body: unknown): Promise<SessionView> {
  return exchange(sessionView, { method: 'POST', path, body, idempotencyKey: crypto.randomUUID() });
}

export const session = new Session();
