import type { NatsConnection } from '@nats-io/nats-core';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { definitionAfter, isTwinEvent } from '@stratum/contracts/twin/definitions.ts';
import { type TwinDefinition, twinIdSchema } from '@stratum/contracts/twin/twin.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import type { StoredMessage } from '@stratum/infra/event-store/message.ts';
import { progressFrom } from '@stratum/infra/event-store/progress.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { readStream } from '@stratum/infra/event-store/reader.ts';
import type { Logger } from '@stratum/infra/log.ts';

/** The log says a twin was commissioned, but the directory has not read so far: it is waited for, this long at most. */
const CATCH_UP_MS_MAX = 5_000;

/** The twins in service by id, with the limits in force: kept in memory, live, by reading PLANT in order. */
export type Directory = {
  /**
   * The definition of a twin in service. Before it says that there is none it asks the log: a twin commissioned a moment
   * ago is waited for. @throws Unavailable when NATS does not answer or the directory does not catch up within 5 s
   */
  find(twinId: string): Promise<TwinDefinition | undefined>;
  /** Resolves when the signal ended the reading; rejects when it could not go on. */
  stopped: Promise<void>;
};

/** Opens the directory; resolves once it knows all that the log held at that moment. @throws Unavailable */
export async function openDirectory(
  nc: NatsConnection,
  { signal, logger }: { signal: AbortSignal; logger: Logger },
): Promise<Directory> {
  const definitions = new Map<string, TwinDefinition>();
  const publisher = publisherOf(nc);
  const known = await readSubject(publisher, 'PLANT', 'plant.*.twin.*', 0);
  for (const message of known) learn(message);
  const progress = progressFrom(known.at(-1)?.sequence ?? 0);
  const stopped = readStream(nc, {
    stream: 'PLANT',
    subject: 'plant.*.twin.*',
    from: progress.reached() + 1,
    signal,
    onTrouble: (error) => logger.warn({ error }, 'the directory of twins cannot be read just now'),
    onMessage: (message) => {
      progress.begin(message.sequence);
      learn(message);
      progress.finish(message.sequence);
    },
  });
  stopped.then(
    () => progress.end(new Unavailable('the directory of twins has ended')),
    (error: Error) => progress.end(error),
  );

  return {
    stopped,
    find: async (twinId) => {
      const known = definitions.get(twinId);
      if (known !== undefined || !twinIdSchema.safeParse(twinId).success) return known;
      const unread = await readSubject(publisher, 'PLANT', `plant.*.twin.${twinId}`, progress.reached());
      await progress.waitUntil(unread.at(-1)?.sequence ?? 0, CATCH_UP_MS_MAX).catch((error: Error) => {
        throw new Unavailable(`what PLANT says of ${twinId} is not read yet: ${error.message}`);
      });
      return definitions.get(twinId);
    },
  };

  function learn(message: StoredMessage): void {
    const event = decodePlantEvent(message) as PlantEvent | undefined;
    if (event === undefined || !isTwinEvent(event)) return;
    const { twinId } = event.data;
    const definition = definitionAfter(definitions.get(twinId), event);
    if (definition === undefined) definitions.delete(twinId);
    else definitions.set(twinId, definition);
  }
}
