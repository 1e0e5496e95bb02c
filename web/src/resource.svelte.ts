import { ApiProblem } from './http.ts';

/** What may pass by itself is asked for again after a wait of one to two times this, milliseconds. */
export const RETRY_AFTER_MS = 4_000;

/**
 * One thing read from the server, for a page: its value, whether it is on its way, and what went wrong. A failed reload keeps the
 * last value, and is tried again by itself while the server is away. Of overlapping loads the last one wins; the older are aborted.
 */
export class Resource<View> {
  value = $state.raw<View | undefined>(undefined);
  problem = $state.raw<ApiProblem | undefined>(undefined);
  isLoading = $state(false);
  #read: (signal: AbortSignal) => Promise<View>;
  #running: AbortController | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(read: (signal: AbortSignal) => Promise<View>) {
    this.#read = read;
  }

  /** Reads now; never throws an `ApiProblem`, it becomes `problem`. */
  load = async (): Promise<void> => {
    this.stop();
    const running = new AbortController();
    this.#running = running;
    this.isLoading = true;
    try {
      const value = await this.#read(running.signal);
      if (running.signal.aborted) return;
      this.value = value;
      this.problem = undefined;
    } catch (error) {
      if (running.signal.aborted) return;
      if (!(error instanceof ApiProblem)) throw error;
      // The same problem again is no news: it keeps the id of its first request.
      if (this.problem?.message !== error.message) this.problem = error;
      if (error.mayPass) this.#retry = setTimeout(() => void this.load(), RETRY_AFTER_MS * (1 + Math.random()));
    } finally {
      if (this.#running === running) this.isLoading = false;
    }
  };

  /** Gives up what is on its way. */
  stop(): void {
    clearTimeout(this.#retry);
    this.#running?.abort();
  }
}
