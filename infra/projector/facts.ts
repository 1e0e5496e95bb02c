import type { NatsConnection } from '@nats-io/transport-node';
import { publisherOf } from '../event-store/publisher.ts';
import { readAt } from '../event-store/read.ts';
import { lastSequence } from '../event-store/reader.ts';
import type { BuilderDeps } from './builder.ts';

/** Asks the server. @throws Unavailable, ServerRefused, and what `lastSequence` throws */
export function factsFrom(nc: NatsConnection): BuilderDeps['askFacts'] {
  return async (stream, witness) => {
    const message = witness === undefined ? undefined : await readAt(publisherOf(nc), stream, witness);
    return { ...(await lastSequence(nc, stream)), witnessed: message?.recordedAt };
  };
}
