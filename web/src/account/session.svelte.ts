import {
  may,
  type Permission,
  type SessionView,
  sessionView,
  type UserView,
} from '@stratum/contracts/account/account.ts';
import { z } from 'zod';
import { ApiProblem, exchange } from '../http.ts';
import { newId } from '../ids.ts';

/** Remembered only to know whether asking for a session at start is worth a request; holds no secret. */
export const SIGNED_IN_HINT = 'stratum.signedIn';
/** Name of the lock under which only one tab at a time trades its refresh token, which is good for one trade. */
const REFRESH_LOCK = 'stratum.refresh';
/** At start, while the server cannot be reached, the session is asked for this many times, this far apart. */
const RESTORE_ATTEMPTS_MAX = 5;
const RESTORE_WAIT_MS = 1_000;

/** What came of asking for a new access token. */
type Renewal = 'renewed' | 'over' | 'unreachable';

/**
 * Who is signed in. The access token lives in memory only; the refresh token is an httpOnly cookie that scripts cannot read.
 */
class Session {
  #view = $state.raw<SessionView | null>(null);
  #refreshing: Promise<Renewal> | null = null;
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
    if (localStorage.getItem(SIGNED_IN_HINT) === null) return Promise.resolve(false);
    this.#restored ??= this.#restore().finally(() => {
      this.#restored = null;
    });
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

  /** Asks for a new access token; many callers share one request. False: there is none to be had now. */
  async refresh(): Promise<boolean> {
    return (await this.#renew()) === 'renewed';
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

  async #restore(): Promise<boolean> {
    for (let attempt = 1; ; attempt += 1) {
      const renewal = await this.#renew();
      if (renewal !== 'unreachable') return renewal === 'renewed';
      if (attempt >= RESTORE_ATTEMPTS_MAX) return false;
      await new Promise((resolve) => setTimeout(resolve, RESTORE_WAIT_MS));
    }
  }

  #renew(): Promise<Renewal> {
    const trade = () => this.#trade();
    // Locks exist only on https and localhost; elsewhere two tabs may, rarely, trade the same token and sign in again.
    this.#refreshing ??= ('locks' in navigator ? navigator.locks.request(REFRESH_LOCK, trade) : trade()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #trade(): Promise<Renewal> {
    try {
      this.#take(await post('/api/auth/refresh', {}));
      return 'renewed';
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      if (error.status !== 401 && error.status !== 403) return 'unreachable';
      this.#forget();
      return 'over';
    }
  }

  #take(view: SessionView): UserView {
    this.#view = view;
    localStorage.setItem(SIGNED_IN_HINT, '1');
    return view.user;
  }

  #forget(): void {
    this.#view = null;
    localStorage.removeItem(SIGNED_IN_HINT);
  }
}

function post(path: string, body: unknown): Promise<SessionView> {
  return exchange(sessionView, { method: 'POST', path, body, idempotencyKey: newId() });
}

export const session = new Session();
