import { getCheckpoint, putCheckpoint, resumeFrom } from '@stratum/infra/event-store/checkpoint.ts';
import { decodeReading } from '@stratum/infra/event-store/codec.ts';
import { patiently } from '@stratum/infra/event-store/connection-status.ts';
import { Overloaded, TooMuchContention, Unavailable } from '@stratum/infra/event-store/errors.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { progressFrom } from '@stratum/infra/event-store/progress.ts';
import { keyedQueue } from '@stratum/infra/event-store/queue.ts';
import { lastSequence, type RawMessage, readStream } from '@stratum/infra/event-store/reader.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import { backoffMs, everyMs, retrying, waitMs } from '@stratum/infra/event-store/wait.ts';
import type { Running, WorkerDeps } from '../worker/deps.ts';
import { alertDecider } from './alert.ts';
import { followPlant, type PlantFollower } from './plant-follower.reactor.ts';
import { type Recall, recallBefore } from './recall.reactor.ts';
import { type AlertOrder, createWatch, type Watch } from './watch.ts';

/** Name of the reactor and of its checkpoint. */
export const ALERT_REACTOR = 'alert';

/** Readings judged before their orders are waited for. Each orders little, so this also bounds what is under way. */
const BATCH_MAX = 500;
const CHECKPOINT_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 1_000;
const RETRY_MS_MAX = 1_000;
/** As long as the newest reading judged is not older than this, the reactor counts as up to date. */
const UP_TO_DATE_MS = 5_000;

/** The alert reactor at work; `waitUntil` waits until all readings up to a sequence are judged (10 s at most). */
export type RunningAlerts = Running & { waitUntil: (sequence: number) => Promise<void> };

/**
 * Watches TELEMETRY and orders that alerts be raised, escalated, cleared and made persistent. A reading that changes
 * nothing costs no I/O. Resolves once it knows the plant and reads.
 *
 * Any number may run: orders carry ids that follow from the reading, and alerts pass over what is older than what they
 * know. After a restart it goes on from PLANT (how alerts stand) and a checkpoint that never passes the first reading of
 * a delay still running. While NATS is away it waits for as long as it takes.
 */
export async function alertReactor(deps: WorkerDeps): Promise<RunningAlerts> {
  const { nc, signal, logger } = deps;
  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const watch = createWatch();
  const started = await start(deps, watch, ending).catch((error: Error) => {
    failing.abort(error);
    throw error;
  });
  const { checkpoints, bounds, reached, follower } = started;

  const progress = progressFrom(reached);
  const order = orderer(deps, ending);
  let newestRecordedAtMs = 0;
  const onBatch = async (messages: RawMessage[]) => {
    for (const { sequence } of messages) progress.begin(sequence);
    await judgeAll(watch, started, messages, order);
    for (const { sequence, recordedAt } of messages) {
      progress.finish(sequence);
      newestRecordedAtMs = Date.parse(recordedAt);
    }
  };
  const isUpToDate = async (nowMs: number) =>
    nowMs - newestRecordedAtMs < UP_TO_DATE_MS || (await lastSequence(nc, 'TELEMETRY')).last <= progress.reached();

  let stored = reached;
  const storeCheckpoint = async () => {
    const sequence = Math.min(progress.reached(), (watch.heldBack() ?? Number.POSITIVE_INFINITY) - 1);
    if (sequence <= stored) return;
    await putCheckpoint(checkpoints, ALERT_REACTOR, { sequence, created: bounds.created });
    stored = sequence;
  };
  const sweep = async () => {
    const nowMs = deps.now().getTime();
    const due = watch.due(nowMs);
    if (due.length > 0 && (await isUpToDate(nowMs))) await Promise.all(due.map(order));
  };
  const fail = (error: Error) => {
    failing.abort(error);
    throw error;
  };

  const reading = readStream(nc, {
    stream: 'TELEMETRY',
    from: reached + 1,
    created: bounds.created,
    signal: ending,
    onTrouble: (error) => logger.warn({ error }, 'the alert reactor cannot read TELEMETRY just now'),
    onBatch,
    batchMax: BATCH_MAX,
  });
  const onTrouble = (error: unknown) => logger.warn({ error }, 'the alert reactor tries again in a second');
  const storing = everyMs(CHECKPOINT_EVERY_MS, storeCheckpoint, ending, onTrouble);
  const sweeping = everyMs(SWEEP_EVERY_MS, sweep, ending, onTrouble);
  const all = [reading, follower.stopped, storing, sweeping].map((part) => part.catch(fail));
  const stopped = Promise.all(all)
    .then(storeCheckpoint)
    .catch((error: Error) => {
      // What is cut short by the end of the worker is begun again at the next start.
      if (!signal.aborted) throw error;
    })
    .finally(() => progress.end(new Error('the alert reactor has ended')));
  stopped.catch((error: unknown) => logger.error({ error }, 'the alert reactor cannot go on'));
  return {
    name: ALERT_REACTOR,
    position: progress.reached,
    waitUntil: (sequence) => progress.waitUntil(sequence, WAIT_MS_MAX),
    stopped,
  };
}
const WAIT_MS_MAX = 10_000;

/** Learns what was before, waiting for NATS for as long as it is away. @throws Error also when the signal comes first */
async function start(deps: WorkerDeps, watch: Watch, ending: AbortSignal) {
  const { nc, logger } = deps;
  const known = await patiently(nc, ending, async () => {
    const checkpoints = await bucket(nc, 'checkpoints');
    const bounds = await lastSequence(nc, 'TELEMETRY');
    const reached = resumeFrom(ALERT_REACTOR, await getCheckpoint(checkpoints, ALERT_REACTOR), bounds);
    return { checkpoints, bounds, reached };
  });
  const follower = await patiently(nc, ending, () => followPlant(watch, { nc, signal: ending, logger }));
  if (known === undefined || follower === undefined) throw new Error('the alert reactor ended before it began');
  const recall = await recallBefore(watch, known.reached, { nc, signal: ending });
  return { ...known, follower, recall };
}

/** Judges readings in order; resolves when everything they ordered is done. */
async function judgeAll(
  watch: Watch,
  { follower, recall }: { follower: PlantFollower; recall: Recall },
  messages: RawMessage[],
  order: Order,
): Promise<void> {
  const readings = messages.map(decodeReading);
  await recall.of(readings.map(({ envelope }) => envelope.subject));
  const ordered: Promise<void>[] = [];
  for (const reading of readings) {
    const twinId = reading.envelope.subject;
    // The gateway takes readings of commissioned twins only, so PLANT knows the twin, perhaps since a moment ago.
    if (watch.knows(twinId) === 'unknown') await retrying(() => follower.catchUpOn(twinId));
    for (const wanted of watch.observe(reading)) ordered.push(order(wanted));
  }
  await Promise.all(ordered);
}

type Order = (order: AlertOrder) => Promise<void>;

/** Carries out orders: those of one alert one after the other, each until the log has taken it or the signal ends it. */
function orderer({ store, logger }: WorkerDeps, ending: AbortSignal): Order {
  const inTurn = keyedQueue();
  return ({ aggregate, command }) =>
    inTurn(`${aggregate.site}.${aggregate.id}`, async () => {
      for (let failures = 1; ; failures++) {
        try {
          await handle(store, alertDecider, aggregate, command);
          return;
        } catch (error) {
          if (ending.aborted || !isWorthATry(error)) throw error;
          logger.warn({ error, command: command.id }, 'an alert could not be recorded, trying again');
        }
        await waitMs(backoffMs(failures, RETRY_MS_MAX), ending);
      }
    });
}

function isWorthATry(error: unknown): boolean {
  return error instanceof Unavailable || error instanceof TooMuchContention || error instanceof Overloaded;
}
