import type { NatsConnection } from '@nats-io/nats-core';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { isConnected, whenConnected } from '@stratum/infra/event-store/connection-status.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { type Progress, progressFrom, waitWhileMoving } from '@stratum/infra/event-store/progress.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { readStream } from '@stratum/infra/event-store/reader.ts';
import type { Logger } from '@stratum/infra/log.ts';
import type { Watch } from './watch.ts';

/** Reading what there is takes as long as it takes, unless nothing at all is read for this long. */
const STANDING_STILL_MS_MAX = 30_000;
/** The log says that a twin was commissioned, but it was not read so far: that is waited for, this long at most. */
const CATCH_UP_MS_MAX = 5_000;

/** Keeps a watch up to date with PLANT. */
export type PlantFollower = {
  /** Waits until the watch has learned what PLANT says of a twin by now. @throws Unavailable */
  catchUpOn(twinId: string): Promise<void>;
  /** Resolves when the signal ended it; rejects when it could not go on. */
  stopped: Promise<void>;
};

type FollowDeps = { nc: NatsConnection; signal: AbortSignal; logger: Logger };

/**
 * Lets a watch learn what PLANT says of twins and alerts, from the beginning and then live; resolves when it knows all that
 * was there. Each is read by itself, because most of PLANT is about something else, one filter is an index, and neither
 * changes how the other is learned.
 * @throws Unavailable, and Error when nothing was read for 30 s; the signal must then end what still reads
 */
export async function followPlant(watch: Watch, deps: FollowDeps): Promise<PlantFollower> {
  const publisher = publisherOf(deps.nc);
  const [lastOfTwins, lastOfAlerts] = await Promise.all([
    publisher.getNewestSequence('PLANT', 'plant.*.twin.>'),
    publisher.getNewestSequence('PLANT', 'plant.*.alert.>'),
  ]);
  const twins = follow(watch, 'plant.*.twin.>', deps);
  const alerts = follow(watch, 'plant.*.alert.>', deps);
  await Promise.all([arriveAt(twins.progress, lastOfTwins, deps), arriveAt(alerts.progress, lastOfAlerts, deps)]);
  return {
    stopped: Promise.all([twins.stopped, alerts.stopped]).then(() => undefined),
    catchUpOn: async (twinId) => {
      const unread = await readSubject(publisher, 'PLANT', `plant.*.twin.${twinId}`, twins.progress.reached());
      const newest = unread.at(-1)?.sequence ?? 0;
      await twins.progress.waitUntil(newest, CATCH_UP_MS_MAX).catch((error: Error) => {
        throw new Unavailable(`what PLANT says of ${twinId} is not read yet: ${error.message}`);
      });
    },
  };
}

function follow(watch: Watch, subject: string, { nc, signal, logger }: FollowDeps) {
  const progress = progressFrom(0);
  const stopped = readStream(nc, {
    stream: 'PLANT',
    from: 1,
    subject,
    signal,
    onTrouble: (error) => logger.warn({ error, subject }, 'the alert reactor cannot read PLANT just now'),
    onBatch: async (messages) => {
      for (const message of messages) {
        progress.begin(message.sequence);
        const event = decodePlantEvent(message);
        if (event !== undefined) watch.learn(event);
        progress.finish(message.sequence);
      }
    },
  });
  stopped.then(
    () => progress.end(new Unavailable('the alert reactor has ended')),
    (error: Error) => progress.end(error),
  );
  return { progress, stopped };
}

/** While NATS is away nothing can be read, which is no standing still. */
async function arriveAt(progress: Progress, sequence: number, { nc, signal }: FollowDeps): Promise<void> {
  for (;;) {
    await whenConnected(nc, signal);
    try {
      return await waitWhileMoving(progress, sequence, STANDING_STILL_MS_MAX);
    } catch (error) {
      if (signal.aborted || nc.isClosed() || isConnected(nc)) throw error;
    }
  }
}
