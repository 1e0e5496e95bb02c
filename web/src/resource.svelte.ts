import { ApiProblem } from './http.ts';

/**
 * One thing read from the server, for a page: its value, whether it is on its way, and what went wrong. A failed reload keeps the
 * last value. Of overlapping loads the last one wins; the older are aborted.
 */
export class Resource<View> {
  value = $state.raw<View | undefined>(undefined);
  problem = $state.raw<ApiProblem | undefined>(undefined);
  isLoading = $state(false);
  #read: (signal: AbortSignal) => Promise<View>;
  #running: AbortController | undefined;

  constructor(read: (signal: AbortSignal) => Promise<View>) {
    this.#read = read;
  }

  /** Reads now; never throws an `ApiProblem`, it becomes `problem`. */
  load = async (): Promise<void> => {
    this.#running?.abort();
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
      this.problem = error;
    } finally {
      if (this.#running === running) this.isLoading = false;
    }
  };

  /** Gives up what is on its way. */
  stop(): void {
    this.#running?.abort();
  }
}
