import type { NatsConnection } from '@nats-io/nats-core';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { progressFrom } from '@stratum/infra/event-store/progress.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { lastSequence, readStream } from '@stratum/infra/event-store/reader.ts';
import type { Logger } from '@stratum/infra/log.ts';
import type { Watch } from './watch.ts';

/** Reading all of PLANT at the start may take this long: some 100,000 events a second. */
const START_MS_MAX = 120_000;
/** The log says that a twin was commissioned, but it was not read so far: that is waited for, this long at most. */
const CATCH_UP_MS_MAX = 5_000;

/** Keeps a watch up to date with PLANT. */
export type PlantFollower = {
  /** Waits until the watch has learned what PLANT says of a twin by now. @throws Unavailable */
  catchUpOn(twinId: string): Promise<void>;
  /** Resolves when the signal ended it; rejects when it could not go on. */
  stopped: Promise<void>;
};

/** Lets a watch learn PLANT from its beginning and then live; resolves when it knows all that was there. */
export async function followPlant(
  watch: Watch,
  { nc, signal, logger }: { nc: NatsConnection; signal: AbortSignal; logger: Logger },
): Promise<PlantFollower> {
  const { last } = await lastSequence(nc, 'PLANT');
  const progress = progressFrom(0);
  const stopped = readStream(nc, {
    stream: 'PLANT',
    from: 1,
    signal,
    onTrouble: (error) => logger.warn({ error }, 'the alert reactor cannot read PLANT just now'),
    onBatch: async (messages) => {
      for (const message of messages) {
        progress.begin(message.sequence);
        // Told by the subject first, because most of PLANT is about something else.
        const entity = message.subject.split('.')[2];
        const event = entity === 'twin' || entity === 'alert' ? decodePlantEvent(message) : undefined;
        if (event !== undefined) watch.learn(event as PlantEvent);
        progress.finish(message.sequence);
      }
    },
  });
  stopped.then(
    () => progress.end(new Unavailable('the alert reactor has ended')),
    (error: Error) => progress.end(error),
  );
  await progress.waitUntil(last, START_MS_MAX);
  return {
    stopped,
    catchUpOn: async (twinId) => {
      const unread = await readSubject(publisherOf(nc), 'PLANT', `plant.*.twin.${twinId}`, progress.reached());
      const newest = unread.at(-1)?.sequence ?? 0;
      await progress.waitUntil(newest, CATCH_UP_MS_MAX).catch((error: Error) => {
        throw new Unavailable(`what PLANT says of ${twinId} is not read yet: ${error.message}`);
      });
    },
  };
}
