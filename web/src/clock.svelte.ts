const TICK_MS = 1000;

/** The current time, once a second for everyone who shows it; stands still while nobody can see the page. */
class Clock {
  /** Epoch milliseconds. */
  now = $state(Date.now());
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#follow());
    this.#follow();
  }

  #follow(): void {
    clearInterval(this.#timer);
    if (document.hidden) return;
    this.now = Date.now();
    this.#timer = setInterval(() => {
      this.now = Date.now();
    }, TICK_MS);
  }
}

export const clock = new Clock();
