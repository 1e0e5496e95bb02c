import type { NatsConnection } from '@nats-io/transport-node';
import { isConnected } from '../event-store/connection-status.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readAt } from '../event-store/read.ts';
import { lastSequence, type StreamBounds } from '../event-store/reader.ts';
import { within } from '../persist.ts';
import type { BuilderDeps } from './builder.ts';
import type { ProjectedStream } from './projection.ts';

/** A query waits so long for the server's word about its log. */
const BOUNDS_MS_MAX = 500;

/** Asks the server. @throws Unavailable, ServerRefused, and what `lastSequence` throws */
export function factsFrom(nc: NatsConnection): BuilderDeps['askFacts'] {
  return async (stream, witness) => {
    const message = witness === undefined ? undefined : await readAt(publisherOf(nc), stream, witness);
    return { ...(await lastSequence(nc, stream)), witnessed: message?.recordedAt };
  };
}

/** Where logs begin and end at this moment, for many who ask at once. */
export type Bounds = {
  /** As the server says after the call; `undefined` when it says nothing within half a second. */
  boundsNow(stream: ProjectedStream): Promise<StreamBounds | undefined>;
};

/** Asks the server for many at once: whoever comes while one question is under way shares the next one. */
export function boundsOf(nc: NatsConnection): Bounds {
  const underWay = new Map<ProjectedStream, Promise<StreamBounds | undefined>>();
  const next = new Map<ProjectedStream, Promise<StreamBounds | undefined>>();
  return { boundsNow };

  function boundsNow(stream: ProjectedStream): Promise<StreamBounds | undefined> {
    const current = underWay.get(stream);
    if (current === undefined) return ask(stream);
    const shared =
      next.get(stream) ??
      current.then(() => {
        next.delete(stream);
        return ask(stream);
      });
    next.set(stream, shared);
    return shared;
  }

  function ask(stream: ProjectedStream): Promise<StreamBounds | undefined> {
    if (!isConnected(nc)) return Promise.resolve(undefined);
    const asking = within(BOUNDS_MS_MAX, 'the bounds of the log', lastSequence(nc, stream))
      .catch(() => undefined)
      .finally(() => underWay.delete(stream));
    underWay.set(stream, asking);
    return asking;
  }
}
