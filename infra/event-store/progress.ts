/**
 * Follows which messages of an ordered stream are finished, when several are under way at once: `reached` is the highest
 * sequence up to which all are.
 */
export type Progress = {
  reached(): number;
  /** How many are begun and not finished. */
  underWay(): number;
  /** A message was taken on; sequences must grow. */
  begin(sequence: number): void;
  /** It is done, and so is its effect. */
  finish(sequence: number): void;
  /** Resolves when `reached` is at least `sequence`. @throws Error when that takes longer than `msMax`, or at the end */
  waitUntil(sequence: number, msMax: number): Promise<void>;
  /** There will be no more: whoever waits for more is told why. */
  end(reason: Error): void;
};

/** Starts at a sequence up to which everything is finished. */
export function progressFrom(start: number): Progress {
  let reached = start;
  let seen = start;
  let ended: Error | undefined;
  const underWay = new Set<number>();
  const waiters = new Set<{ sequence: number; resolve: () => void; reject: (reason: Error) => void }>();

  return {
    reached: () => reached,
    underWay: () => underWay.size,
    begin(sequence) {
      seen = sequence;
      underWay.add(sequence);
    },
    finish(sequence) {
      underWay.delete(sequence);
      // A set keeps the order of insertion, so its first is the oldest under way.
      const [oldest] = underWay;
      reached = oldest === undefined ? seen : oldest - 1;
      for (const waiter of waiters) if (waiter.sequence <= reached) waiter.resolve();
    },
    async waitUntil(sequence, msMax) {
      if (reached >= sequence) return;
      if (ended !== undefined) throw ended;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter = { sequence, resolve, reject };
      const timer = setTimeout(() => reject(new Error(`at ${reached}, not at ${sequence}, after ${msMax} ms`)), msMax);
      waiters.add(waiter);
      await promise.finally(() => {
        clearTimeout(timer);
        waiters.delete(waiter);
      });
    },
    end(reason) {
      ended = reason;
      for (const waiter of waiters) waiter.reject(reason);
    },
  };
}

/**
 * Resolves when all is finished up to a sequence, however long that takes.
 * @throws Error when nothing was finished for `stillMsMax`, to twice that, or at the end
 */
export async function waitWhileMoving(progress: Progress, sequence: number, stillMsMax: number): Promise<void> {
  for (;;) {
    const before = progress.reached();
    try {
      return await progress.waitUntil(sequence, stillMsMax);
    } catch (error) {
      if (progress.reached() === before) throw error;
    }
  }
}
