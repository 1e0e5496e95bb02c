import { once } from 'node:events';
import { waitMs } from '@stratum/infra/event-store/wait.ts';
import type { PartHealth } from '@stratum/infra/health.ts';
import type { Leadership, Term } from '@stratum/infra/leadership/leadership.ts';
import type { Running, Starter, WorkerDeps } from './deps.ts';

const WAIT_MS_FIRST = 1_000;
const WAIT_MS_MAX = 60_000;
/** A part that has not ended by then, after its term, is left behind: what it still does is guarded like all it does. */
const ENDING_MS_MAX = 3_000;
/** A part that is led and has not begun by then is in trouble: nothing of its work is done meanwhile. */
const STARTING_MS_MAX = 10_000;

/** A reactor or gateway that runs while this worker leads it, and is started again whenever it has to stop. */
export type Kept = {
  name: string;
  health: () => PartHealth;
  /** Resolves when it was started for the first time, or failed to, or is found to be led by another. */
  begun: Promise<void>;
  /** Resolves when it has ended after the signal. */
  ended: Promise<void>;
};

/**
 * Keeps a reactor or gateway running for as long as this worker leads it, and ready while another does. One that stops by
 * itself is red in the health and left to another worker; here it is tried again after a pause: a second at first, a minute
 * at most, a second again after it ran for more than a minute. It goes on where it stopped, so nothing is passed over, and
 * the others go on meanwhile.
 */
export function keepRunning(name: string, start: Starter, deps: WorkerDeps, leadership: Leadership): Kept {
  const { signal, logger, now } = deps;
  const begun = Promise.withResolvers<void>();
  let running: Running | undefined;
  let startingSinceMs: number | undefined;
  let position = 0;
  let hasFailed = false;
  const isWell = (): void => {
    hasFailed = false;
    begun.resolve();
  };

  const troubleNow = (): string | undefined => {
    if (hasFailed) return 'it had to stop, and the log says why';
    const startingMs = startingSinceMs === undefined ? 0 : now().getTime() - startingSinceMs;
    return startingMs > STARTING_MS_MAX ? 'it is still starting' : running?.trouble?.();
  };

  /** Returns when the worker ends. @throws why the part had to stop */
  const serve = async (): Promise<void> => {
    for (;;) {
      const term = await leadership.lead(name, isWell);
      if (term === undefined) return;
      try {
        startingSinceMs = now().getTime();
        running = await Promise.race([start({ ...deps, signal: term.signal }), endOf(term)]);
        startingSinceMs = undefined;
        if (running !== undefined) isWell();
        await Promise.race([running?.stopped, endOf(term)]);
        if (!term.signal.aborted) throw new Error(`${name} ended by itself`);
      } catch (error) {
        // What is cut short by the end of its term is begun again in the next.
        if (!term.signal.aborted) throw error;
      } finally {
        position = running?.position() ?? position;
        running = undefined;
        startingSinceMs = undefined;
        await term.end();
      }
    }
  };

  const run = async (): Promise<void> => {
    for (let pauseMs = WAIT_MS_FIRST; !signal.aborted; pauseMs = Math.min(WAIT_MS_MAX, pauseMs * 2)) {
      const startedMs = now().getTime();
      try {
        return await serve();
      } catch (error) {
        hasFailed = true;
        if (now().getTime() - startedMs > WAIT_MS_MAX) pauseMs = WAIT_MS_FIRST;
        logger.error({ part: name, pauseMs, error: reasonOf(error) }, `${name} had to stop and is started again`);
      }
      begun.resolve();
      leadership.setAble(name, false);
      await waitMs(pauseMs, signal);
      leadership.setAble(name, true);
    }
  };

  return {
    name,
    begun: begun.promise,
    ended: run(),
    health: () => {
      const role = leadership.isLeading(name) ? 'leader' : 'standby';
      const trouble = troubleNow();
      position = running?.position() ?? position;
      return { status: trouble === undefined ? 'ok' : 'failed', role, position, ...(trouble && { detail: trouble }) };
    },
  };
}

/** Resolves when a term is over and what was under way had its time to end. */
async function endOf({ signal }: Term): Promise<undefined> {
  if (!signal.aborted) await once(signal, 'abort');
  await waitMs(ENDING_MS_MAX);
}

/** The message and that of its cause, which says what really happened. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
