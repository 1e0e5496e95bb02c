import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { StreamName } from '@stratum/contracts/envelope.ts';
import type { ProjectedEvent } from '@stratum/contracts/recorded.ts';
import { type Checkpoint, getCheckpoint, putCheckpoint, resumeFrom } from './checkpoint.ts';
import { decodeEvent } from './codec.ts';
import { isConnected, patiently } from './connection-status.ts';
import { isAway } from './errors.ts';
import { shadowsOf } from './inbox.ts';
import type { Logger } from './logger.ts';
import type { RawMessage } from './message.ts';
import { type Progress, progressFrom } from './progress.ts';
import { keyedQueue } from './queue.ts';
import { lastSequence, readStream } from './reader.ts';
import { bucket } from './streams.ts';
import { backoffMs, everyMs, waitMs } from './wait.ts';

export { readCheckpoint } from './checkpoint.ts';

const IN_FLIGHT_MAX_DEFAULT = 64;
/** Tries per message when its handler fails for a reason of its own. */
const ATTEMPTS_MAX = 6;
const RETRY_MS_MAX = 2_000;
const CHECKPOINT_EVERY_MS = 1_000;
const WAIT_MS_MAX = 10_000;

export type ReactorOptions = {
  /** Its name, also the key of its checkpoint: letters, digits, `-`, `_`. */
  name: string;
  nc: NatsConnection;
  stream: StreamName;
  /** Only messages whose subject matches, `*` and `>` as in NATS; all without it. Positions are then of those messages alone. */
  subject?: string;
  /** Messages handled at once (64 if left out); those of one subject always one after the other. */
  inFlightMax?: number;
  /** Ends the reactor, behind the messages under way. */
  signal: AbortSignal;
  logger: Logger;
} & (
  | {
      /** Gets each event of PLANT or TELEMETRY; those of unknown types are passed over. */
      onEvent: (event: ProjectedEvent) => Promise<void>;
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
  /** Waits until everything up to a sequence is done. @throws when that takes longer than `msMax` (10 s), or at the end */
  waitUntil(sequence: number, msMax?: number): Promise<void>;
  health(): { status: 'running' | 'stopped'; error?: string };
  /** Resolves when the signal ended it and its checkpoint is stored; rejects when it could not go on. */
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
  const { name, logger } = options;
  const starting = start(options);
  let progress = progressFrom(0);
  let state: { status: 'running' | 'stopped'; error?: string } = { status: 'running' };

  const stopped = starting
    .then(async (started) => {
      if (started === undefined) return;
      progress = started.progress;
      await run(options, started);
    })
    .then(
      () => {
        state = { status: 'stopped' };
        progress.end(new Error(`${name} has ended`));
        logger.info({ reactor: name, position: progress.reached() }, 'reactor ended');
      },
      (err: Error) => {
        state = { status: 'stopped', error: err.message };
        progress.end(err);
        logger.error({ reactor: name, position: progress.reached(), err }, 'reactor stopped: it cannot go on');
        throw err;
      },
    );
  // Whoever runs it looks at `stopped`; until then a rejection is no crash.
  stopped.catch(() => undefined);

  return {
    name,
    stopped,
    position: () => progress.reached(),
    health: () => state,
    waitUntil: async (sequence, msMax = WAIT_MS_MAX) => {
      const started = await starting;
      if (started === undefined) throw new Error(`${name} ended before it began`);
      return started.progress.waitUntil(sequence, msMax);
    },
  };
}

type Started = {
  progress: Progress;
  created: string;
  store: (checkpoint: Checkpoint) => Promise<void>;
  isShadow: (message: RawMessage) => boolean;
};

/** `undefined` when the signal came before NATS did. */
function start({ name, nc, stream, signal }: ReactorOptions): Promise<Started | undefined> {
  return patiently(nc, signal, async () => {
    const checkpoints = await bucket(nc, 'checkpoints');
    const bounds = await lastSequence(nc, stream);
    const reached = resumeFrom(name, await getCheckpoint(checkpoints, name), bounds);
    return {
      progress: progressFrom(reached),
      created: bounds.created,
      store: (checkpoint) => putCheckpoint(checkpoints, name, checkpoint),
      isShadow: await shadowsOf(nc, stream),
    };
  });
}

async function run(options: ReactorOptions, { progress, created, store, isShadow }: Started): Promise<void> {
  const { name, nc, stream, subject, signal, logger, inFlightMax = IN_FLIGHT_MAX_DEFAULT } = options;
  const log = { reactor: name, stream };
  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const inTurn = keyedQueue();
  let failure: Error | undefined;
  let inFlight = 0;
  let settled = Promise.withResolvers<void>();
  const untilAtMost = async (count: number) => {
    for (; inFlight > count; settled = Promise.withResolvers()) await settled.promise;
  };

  // What is answered together makes room together, and what follows is sent together.
  const untilThereIsRoom = async () => {
    await untilAtMost(inFlightMax - 1);
    await nextTurn();
  };
  // Called while the message still has its subject's turn: what comes behind it must find that all is told to end.
  const giveUp = (error: Error): never => {
    // What fails while everything is told to end is begun again at the next start.
    if (!signal.aborted) failure ??= error;
    failing.abort();
    throw error;
  };
  // Without a wait where none is needed: what a batch of messages sends then goes out in one write, not in one each.
  const onMessage = (message: RawMessage): Promise<void> | undefined => {
    progress.begin(message.sequence);
    if (isShadow(message)) {
      progress.finish(message.sequence);
      return undefined;
    }
    inFlight += 1;
    inTurn(message.subject, () => attempt(options, message, ending).catch(giveUp))
      .then(() => progress.finish(message.sequence))
      .catch(giveUp)
      .catch(() => undefined)
      .finally(() => {
        inFlight -= 1;
        settled.resolve();
      });
    return inFlight < inFlightMax ? undefined : untilThereIsRoom();
  };

  let stored = progress.reached();
  const storeCheckpoint = async () => {
    const sequence = progress.reached();
    // What was sent while the connection is down would wait in the client, more with every second.
    if (sequence === stored || !isConnected(nc)) return;
    await store({ sequence, created });
    stored = sequence;
  };
  // One that cannot be stored repeats what repeats without effect.
  const onNotStored = (err: unknown) => logger.warn({ ...log, err }, 'checkpoint could not be stored');
  const ended = new AbortController();
  const storing = everyMs(CHECKPOINT_EVERY_MS, storeCheckpoint, ended.signal, onNotStored);
  try {
    const onTrouble = (err: Error) => logger.warn({ ...log, err }, 'stream cannot be read just now');
    const from = progress.reached() + 1;
    await readStream(nc, { stream, subject, from, created, signal: ending, onMessage, onTrouble });
    await untilAtMost(0);
  } finally {
    ended.abort();
    await storing;
    await storeCheckpoint().catch(onNotStored);
  }
  if (failure !== undefined) throw failure;
}

/** Hands over one message until its handler succeeds. @throws Error naming the position, after the last try or at the end */
async function attempt(options: ReactorOptions, message: RawMessage, ending: AbortSignal): Promise<void> {
  const { name, logger } = options;
  const position = `${message.stream}:${message.sequence}`;
  for (let tries = 1, failures = 0; ; tries++) {
    if (ending.aborted) throw new Error(`${name} ended before ${position}`);
    try {
      return await handOver(options, message);
    } catch (error) {
      // While NATS is away nothing is the handler's fault, and waiting is all there is to do.
      if (!isAway(error)) failures += 1;
      if (failures === ATTEMPTS_MAX) {
        throw new Error(`${name} failed ${ATTEMPTS_MAX} times at ${position} (${message.subject})`, { cause: error });
      }
      logger.warn({ reactor: name, position, failures, err: error }, 'handler failed, trying again');
      await waitMs(backoffMs(tries, RETRY_MS_MAX), ending);
    }
  }
}

async function handOver(options: ReactorOptions, message: RawMessage): Promise<void> {
  if ('onMessage' in options) return options.onMessage(message);
  const event = decodeEvent(message);
  if (event !== undefined) await options.onEvent(event);
}
