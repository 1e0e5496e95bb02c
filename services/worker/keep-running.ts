import { setTimeout as sleep } from 'node:timers/promises';
import type { PartHealth } from '@stratum/infra/health.ts';
import type { Running, Starter, WorkerDeps } from './deps.ts';

const WAIT_MS_FIRST = 1_000;
const WAIT_MS_MAX = 60_000;

/** A reactor or gateway that is started again whenever it has to stop. */
export type Kept = {
  name: string;
  health: () => PartHealth;
  /** Resolves when it was started for the first time, or failed to. */
  begun: Promise<void>;
  /** Resolves when it has ended after the signal. */
  ended: Promise<void>;
};

/**
 * Keeps a reactor or gateway running. One that stops by itself is red in the health and is tried again after a pause: a
 * second at first, a minute at most, a second again after it ran for more than a minute. It goes on where it stopped, so nothing is passed over, and the others go on meanwhile.
 */
export function keepRunning(name: string, start: Starter, deps: WorkerDeps): Kept {
  const { signal, logger, now } = deps;
  const begun = Promise.withResolvers<void>();
  let running: Running | undefined;
  let failure: string | undefined;

  const run = async (): Promise<void> => {
    for (let waitMs = WAIT_MS_FIRST; !signal.aborted; waitMs = Math.min(WAIT_MS_MAX, waitMs * 2)) {
      const startedMs = now().getTime();
      try {
        running = await start(deps);
        failure = undefined;
        begun.resolve();
        await running.stopped;
        return;
      } catch (error) {
        failure = reasonOf(error);
        if (now().getTime() - startedMs > WAIT_MS_MAX) waitMs = WAIT_MS_FIRST;
        logger.error({ part: name, waitMs, error: failure }, `${name} had to stop and is started again`);
      }
      begun.resolve();
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  };

  const ended = run();
  return {
    name,
    begun: begun.promise,
    ended,
    health: () => {
      const position = running?.position() ?? 0;
      return failure === undefined
        ? { status: 'ok', detail: `at ${position}`, position }
        : { status: 'failed', detail: failure, position };
    },
  };
}

/** The message and that of its cause, which says what really happened. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
