/** At most this many toasts at once; the oldest gives way. */
export const TOASTS_MAX = 3;
const TOAST_STAYS_MS = 6_000;

/** `tone` failure is announced at once and stays until closed; `action` is one button, for example Undo. */
export type Toast = {
  id: number;
  text: string;
  tone: 'done' | 'failure';
  action: { label: string; run: () => void } | undefined;
};

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #count = 0;

  /** Says that something is done. */
  done(text: string, action?: Toast['action']): void {
    const id = this.#add(text, 'done', action);
    setTimeout(() => this.close(id), TOAST_STAYS_MS);
  }

  /** Says that something did not work, in words that name what to do next. */
  failure(text: string, action?: Toast['action']): void {
    this.#add(text, 'failure', action);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  #add(text: string, tone: Toast['tone'], action: Toast['action']): number {
    this.#count += 1;
    this.list = [...this.list, { id: this.#count, text, tone, action }].slice(-TOASTS_MAX);
    return this.#count;
  }
}

export const toasts = new Toasts();
