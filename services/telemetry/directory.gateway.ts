import type { NatsConnection } from '@nats-io/nats-core';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { definitionAfter, isTwinEvent } from '@stratum/contracts/twin/definitions.ts';
import { type TwinDefinition, twinIdSchema } from '@stratum/contracts/twin/twin.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { decodeEvent, lastSequence, readStream } from '@stratum/infra/event-store/reader.ts';
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
  const waiters = new Set<{ sequence: number; resolve: () => void }>();
  let position = 0;

  const { last } = await lastSequence(nc, 'PLANT');
  const stopped = readStream(nc, {
    stream: 'PLANT',
    from: 1,
    signal,
    onTrouble: (error) => logger.warn({ error }, 'the directory of twins cannot be read just now'),
    onBatch: async (messages) => {
      for (const message of messages) {
        // Told by the subject first, because most of PLANT is about something else.
        if (message.subject.split('.')[2] === 'twin') learn(decodeEvent(message) as PlantEvent | undefined);
        position = message.sequence;
      }
      for (const waiter of waiters) if (waiter.sequence <= position) waiter.resolve();
    },
  });
  stopped.catch((error: unknown) => logger.error({ error }, 'the directory of twins has stopped'));
  await waitUntil(last, START_MS_MAX);

  return {
    known: (twinId) => definitions.get(twinId),
    position: () => position,
    stopped,
    find: async (twinId) => {
      const known = definitions.get(twinId);
      if (known !== undefined || !twinIdSchema.safeParse(twinId).success) return known;
      const unread = await readSubject(publisherOf(nc), 'PLANT', `plant.*.twin.${twinId}`, position);
      await waitUntil(unread.at(-1)?.sequence ?? 0, CATCH_UP_MS_MAX);
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

  async function waitUntil(sequence: number, msMax: number): Promise<void> {
    if (sequence <= position) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { sequence, resolve };
    const late = () => reject(new Unavailable(`the directory of twins is at ${position}, not yet at ${sequence}`));
    const timer = setTimeout(late, msMax);
    waiters.add(waiter);
    try {
      await Promise.race([promise, stopped.then(late)]);
    } finally {
      clearTimeout(timer);
      waiters.delete(waiter);
    }
  }
}
