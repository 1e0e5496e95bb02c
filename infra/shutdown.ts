import type { Logger } from './log.ts';

/** All steps of a stop together take no longer than this; then the process ends anyway. */
export const STOP_MS_MAX = 8_000;

/**
 * How a program ends. `signal` aborts at the first SIGTERM or SIGINT (or `stop()`); what was opened is then closed in
 * reverse order of `defer`, so that intake stops first and connections go last.
 */
export type Shutdown = {
  signal: AbortSignal;
  /** Registers a step of the stop. The last registered runs first. */
  defer: (name: string, close: () => PromiseLike<void> | void) => void;
  /** Begins the stop from inside, for example when a part has failed. `exitCode` is the process's. */
  stop: (reason: string, exitCode?: number) => void;
  /** Resolves when every step is done, or has had its time. */
  stopped: Promise<void>;
};

/** Arms SIGTERM and SIGINT for this process. A second signal ends the process at once. */
export function armShutdown(logger: Logger, stopMsMax = STOP_MS_MAX): Shutdown {
  const controller = new AbortController();
  const steps: { name: string; close: () => PromiseLike<void> | void }[] = [];
  const { promise: stopped, resolve } = Promise.withResolvers<void>();

  const stop = (reason: string, exitCode = 0): void => {
    if (controller.signal.aborted) return;
    process.exitCode = exitCode;
    logger.info({ reason }, 'stopping');
    controller.abort(new Error(reason));
    const deadline = setTimeout(() => {
      logger.error({ stopMsMax }, 'stopping took too long; leaving');
      process.exit(exitCode === 0 ? 1 : exitCode);
    }, stopMsMax);
    closeAll(steps, logger).then(() => {
      clearTimeout(deadline);
      logger.info('stopped');
      resolve();
    });
  };

  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => (controller.signal.aborted ? process.exit(130) : stop(name)));
  }
  return { signal: controller.signal, defer: (name, close) => steps.push({ name, close }), stop, stopped };
}

async function closeAll(
  steps: { name: string; close: () => PromiseLike<void> | void }[],
  logger: Logger,
): Promise<void> {
  for (const step of steps.toReversed()) {
    try {
      await step.close();
    } catch (error) {
      logger.warn({ step: step.name, error: String(error) }, 'a part did not close well');
    }
  }
}

/**
 * Runs a program's `main` and ends the process when it is done, whatever a library left open (a socket kept alive would
 * hold the process until it is killed). What `main` throws becomes one clear message on stderr and exit code 1 (no stack
 * for a bad configuration: the message is for the person who starts the program).
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
    process.exit();
  } catch (error) {
    const isForPeople = error instanceof Error && error.name === 'BadConfiguration';
    process.stderr.write(`${isForPeople ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
}
