import type * as plots from './plot.ts';

/** Pause between two tries, and the longest it grows to. */
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 8_000;

/** Waits so many milliseconds; an argument so that tests need not. */
type Pause = (milliseconds: number) => Promise<void>;

const pauseFor: Pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * The plot library, which arrives apart from the page. While the server is away it is asked for again, with growing
 * pauses, for as long as the signal lets it; `undefined` once that has aborted.
 */
export async function loadPlots(
  signal: AbortSignal,
  load: () => Promise<typeof plots> = () => import('./plot.ts'),
  pause: Pause = pauseFor,
): Promise<typeof plots | undefined> {
  for (let pauseMs = PAUSE_MS_MIN; !signal.aborted; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)) {
    try {
      return await load();
    } catch (error) {
      // A browser tells a part that could not be fetched by a TypeError, the preloading of its style by an Error.
      if (!(error instanceof Error)) throw error;
      await pause(pauseMs);
    }
  }
  return undefined;
}
