import type { NatsConnection } from '@nats-io/nats-core';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { definitionAfter, isTwinEvent } from '@stratum/contracts/twin/definitions.ts';
import { type TwinDefinition, twinIdSchema } from '@stratum/contracts/twin/twin.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { progressFrom } from '@stratum/infra/event-store/progress.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { lastSequence, readStream } from '@stratum/infra/event-store/reader.ts';
import type { Logger } from '@stratum/infra/log.ts';

/** The log says a twin was commissioned, but the directory has not read so far: it is waited for, this long at most. */
const CATCH_UP_MS_MAX = 5_000;
/** Reading all of PLANT at the start may take this long. */
const START_MS_MAX = 60_000;

/** The twins in service by id, with the limits in force: kept in memory, live, by reading PLANT in order. */
export type Directory = {
  /** What is known at once. */
  known(twinId: string): TwinDefinition | undefined;
  /**
   * As `known`, but before it says that there is no such twin it asks the log: a twin commissioned a moment ago is
   * waited for. @throws Unavailable when NATS does not answer or the directory does not catch up within 5 s
   */
  find(twinId: string): Promise<TwinDefinition | undefined>;
  /** Everything in PLANT up to this sequence is in it. */
  position(): number;
  /** Resolves when the signal ended the reading; rejects when it could not go on. */
  stopped: Promise<void>;
};

/** Opens the directory; resolves once it knows all that the log held at that moment. @throws Unavailable */
export async function openDirectory(
  nc: NatsConnection,
  { signal, logger }: { signal: AbortSignal; logger: Logger },
): Promise<Directory> {
  const definitions = new Map<string, TwinDefinition>();
  const progress = progressFrom(0);
  const { last } = await lastSequence(nc, 'PLANT');
  const stopped = readStream(nc, {
    stream: 'PLANT',
    from: 1,
    signal,
    onTrouble: (error) => logger.warn({ error }, 'the directory of twins cannot be read just now'),
    onBatch: async (messages) => {
      for (const message of messages) {
        progress.begin(message.sequence);
        // Told by the subject first, because most of PLANT is about something else.
        if (message.subject.split('.')[2] === 'twin') learn(decodePlantEvent(message) as PlantEvent | undefined);
        progress.finish(message.sequence);
      }
    },
  });
  stopped.then(
    () => progress.end(new Unavailable('the directory of twins has ended')),
    (error: Error) => progress.end(error),
  );
  await progress.waitUntil(last, START_MS_MAX);

  return {
    known: (twinId) => definitions.get(twinId),
    position: progress.reached,
    stopped,
    find: async (twinId) => {
      const known = definitions.get(twinId);
      if (known !== undefined || !twinIdSchema.safeParse(twinId).success) return known;
      const unread = await readSubject(publisherOf(nc), 'PLANT', `plant.*.twin.${twinId}`, progress.reached());
      await progress.waitUntil(unread.at(-1)?.sequence ?? 0, CATCH_UP_MS_MAX).catch((error: Error) => {
        throw new Unavailable(`what PLANT says of ${twinId} is not read yet: ${error.message}`);
      });
      return definitions.get(twinId);
    },
  };

  function learn(event: PlantEvent | undefined): void {
    if (event === undefined || !isTwinEvent(event)) return;
    const { twinId } = event.data;
    const definition = definitionAfter(definitions.get(twinId), event);
    if (definition === undefined) definitions.delete(twinId);
    else definitions.set(twinId, definition);
  }
}
