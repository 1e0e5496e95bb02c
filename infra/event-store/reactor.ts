import type { NatsConnection } from '@nats-io/transport-node';
import type { StreamName } from '@stratum/contracts/envelope.ts';
import { Progress, readFrom, writeTo } from './checkpoint.ts';
import { decodeEvent, type ReadingRecorded, type RecordedEvent } from './codec.ts';
import { LogLost, Unavailable } from './errors.ts';
import type { Logger } from './logger.ts';
import type { RawMessage } from './message.ts';
import { keyedQueue } from './queue.ts';
import { lastSequence, readStream } from './reader.ts';
import { bucket } from './streams.ts';
import { backoffMs, waitMs } from './wait.ts';

export { readCheckpoint } from './checkpoint.ts';

const IN_FLIGHT_MAX_DEFAULT = 64;
/** Tries per message when its handler fails for a reason of its own. */
const ATTEMPTS_MAX = 6;
const RETRY_MS_MAX = 2_000;
const CHECKPOINT_EVERY_MS = 1_000;
const WAIT_MS_MAX = 10_000;

export type ReactorOptions = {
  /** Its name, also the key of its checkpoint: letters, digits, `-`. */
  name: string;
  nc: NatsConnection;
  stream: StreamName;
  /** Messages handled at once; those of one subject always one after the other. */
  inFlightMax?: number;
  /** Ends the reactor, behind the messages under way. */
  signal: AbortSignal;
  logger: Logger;
} & (
  | {
      /** Gets each event of PLANT or TELEMETRY; those of unknown types are passed over. */
      onEvent: (event: RecordedEvent | ReadingRecorded) => Promise<void>;
    }
  | {
      /** Gets each message as it came: for DEVICES. */
      onMessage: (message: RawMessage) => Promise<void>;
    }
);

/** A reactor at work. */
export type RunningReactor = {
  name: string;
  /** Everything in the stream up to this sequence is done. */
  position(): number;
  /** Waits until everything up to a sequence is done. @throws when that takes longer (10 s), or the reactor stopped */
  waitUntil(sequence: number, msMax?: number): Promise<void>;
  health(): { status: 'running' | 'stopped'; error?: string };
  /** Resolves when the signal ended it, with its checkpoint stored; rejects when it could not go on. */
  stopped: Promise<void>;
};

/**
 * Reads a stream from the reactor's checkpoint on and hands each message to its handler: in order per subject, up to
 * `inFlightMax` at once. The checkpoint follows behind what is finished, so after a crash the last second repeats: handlers
 * derive their command ids from positions and repeat without effect. A failing handler is tried again, a few times; then
 * the reactor stops, `health` says so and `stopped` rejects. Nothing is ever passed over silently. While NATS is away it
 * waits for as long as it takes.
 */
export function runReactor(options: ReactorOptions): RunningReactor {
  const { name, signal, logger } = options;
  const waiters = new Set<Waiter>();
  let progress = new Progress(0);
  let failure: Error | undefined;
  let hasEnded = false;

  const stopped = run(options, {
    begun: (started) => {
      progress = started;
    },
    advanced: () => {
      for (const waiter of waiters) if (waiter.sequence <= progress.reached) waiter.resolve();
    },
  })
    .catch((error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
      logger.error({ reactor: name, position: progress.reached, error: failure }, 'reactor stopped');
      throw failure;
    })
    .finally(() => {
      hasEnded = true;
      for (const waiter of waiters) waiter.reject(failure ?? new Error(`${name} has ended`));
    });
  stopped.catch(() => undefined);
  signal.addEventListener('abort', () => logger.info({ reactor: name }, 'reactor is ending'), { once: true });

  return {
    name,
    position: () => progress.reached,
    stopped,
    health: () => ({
      status: hasEnded ? 'stopped' : 'running',
      ...(failure === undefined ? {} : { error: failure.message }),
    }),
    waitUntil: (sequence, msMax = WAIT_MS_MAX) =>
      new Promise((resolve, reject) => {
        if (progress.reached >= sequence) return resolve();
        if (hasEnded) return reject(failure ?? new Error(`${name} has ended`));
        const leave = () => {
          clearTimeout(timer);
          waiters.delete(waiter);
        };
        const waiter: Waiter = {
          sequence,
          resolve: () => {
            leave();
            resolve();
          },
          reject: (error) => {
            leave();
            reject(error);
          },
        };
        const timer = setTimeout(() => {
          waiter.reject(new Error(`${name} is at ${progress.reached}, not at ${sequence}, after ${msMax} ms`));
        }, msMax);
        waiters.add(waiter);
      }),
  };
}

type Waiter = { sequence: number; resolve: () => void; reject: (error: Error) => void };
type Observer = { begun: (progress: Progress) => void; advanced: () => void };

async function run(options: ReactorOptions, observer: Observer): Promise<void> {
  const { name, nc, stream, signal, logger } = options;
  const inFlightMax = options.inFlightMax ?? IN_FLIGHT_MAX_DEFAULT;
  const checkpoints = await bucket(nc, 'checkpoints');
  const { created, reached } = await start(options, await readFrom(checkpoints, name));
  const progress = new Progress(reached);
  observer.begun(progress);

  let stored = reached;
  const store = async () => {
    const sequence = progress.reached;
    if (sequence === stored) return;
    await writeTo(checkpoints, name, { sequence, created });
    stored = sequence;
  };
  const ticker = setInterval(() => {
    store().catch((error: unknown) => logger.warn({ reactor: name, error }, 'checkpoint could not be stored'));
  }, CHECKPOINT_EVERY_MS);

  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const inTurn = keyedQueue();
  const underWay = new Set<Promise<void>>();
  let failure: unknown;

  const onMessage = async (message: RawMessage) => {
    while (underWay.size >= inFlightMax) await Promise.race(underWay);
    if (ending.aborted) return;
    progress.begin(message.sequence);
    const task = inTurn(message.subject, () => attempt(options, message, ending)).then(
      () => {
        progress.finish(message.sequence);
        observer.advanced();
      },
      (error: unknown) => {
        failure ??= error;
        failing.abort();
      },
    );
    underWay.add(task);
    void task.then(() => underWay.delete(task));
  };

  try {
    const onTrouble = (error: Error) => logger.warn({ reactor: name, error }, 'stream cannot be read just now');
    await readStream(nc, { stream, from: reached + 1, created, signal: ending, onMessage, onTrouble });
    await Promise.allSettled(underWay);
    if (failure !== undefined) throw failure;
  } finally {
    clearInterval(ticker);
    await store();
  }
}

/** Where to go on: behind the checkpoint, after making sure that it speaks of this log. */
async function start(
  { name, nc, stream }: ReactorOptions,
  checkpoint: { sequence: number; created: string } | undefined,
): Promise<{ created: string; reached: number }> {
  const { created, last } = await lastSequence(nc, stream);
  if (checkpoint === undefined) return { created, reached: 0 };
  if (checkpoint.created !== created || checkpoint.sequence > last) {
    throw new LogLost(
      `${name} had read ${stream} (created ${checkpoint.created}) up to ${checkpoint.sequence}, but the server has one ` +
        `created ${created} that ends at ${last}: the log was lost. Restore it, or delete the checkpoint ${name} to begin anew`,
    );
  }
  return { created, reached: checkpoint.sequence };
}

async function attempt(options: ReactorOptions, message: RawMessage, ending: AbortSignal): Promise<void> {
  const { name, logger } = options;
  for (let tries = 1; ; ) {
    try {
      if ('onMessage' in options) return await options.onMessage(message);
      const event = decodeEvent(message);
      return event === undefined ? undefined : await options.onEvent(event);
    } catch (error) {
      const position = `${message.stream}:${message.sequence}`;
      if (ending.aborted || tries >= ATTEMPTS_MAX) {
        throw new Error(`${name} failed at ${position} (${message.subject})`, { cause: error });
      }
      logger.warn({ reactor: name, position, tries, error }, 'handler failed, trying again');
      await waitMs(backoffMs(tries, RETRY_MS_MAX), ending);
      if (!(error instanceof Unavailable)) tries += 1;
    }
  }
}
