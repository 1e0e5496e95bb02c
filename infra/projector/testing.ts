import type { EventOf, Instant } from '@stratum/contracts/envelope.ts';
import { positionOf } from '@stratum/contracts/envelope.ts';
import type { PlantEvent, ProjectedEvent, ReadingRecorded } from '@stratum/contracts/recorded.ts';
import type { Reading } from '@stratum/contracts/telemetry/telemetry.ts';
import fc from 'fast-check';
import { expect } from 'vitest';
import { type AnyProjection, foldOnce, type Projection, type ReadModelDocument } from './projection.ts';

/** Folds events, in the order given, into documents by `_id`, exactly as the projector does. */
export function foldAll<D extends ReadModelDocument>(
  projection: Projection<D>,
  events: readonly ProjectedEvent[],
): Map<string, D> {
  const documents = new Map<string, ReadModelDocument>();
  foldInto(documents, projection, events);
  return documents as Map<string, D>;
}

/**
 * Checks on arbitrary histories what every projection promises: a history cut anywhere, with any part delivered again,
 * folds to the documents of the history delivered once. `histories` makes lists of events with growing sequences.
 * Fails through `expect` with the smallest history that breaks the promise.
 */
export function expectLaws<D extends ReadModelDocument>(
  projection: Projection<D>,
  histories: fc.Arbitrary<readonly ProjectedEvent[]>,
  { runs = 100 }: { runs?: number } = {},
): void {
  const restarts = fc.array(fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 1000 })), { maxLength: 5 });
  fc.assert(
    fc.property(histories, restarts, (events, cuts) => {
      const once = foldAll(projection, events);
      const documents = new Map<string, ReadModelDocument>();
      for (const [end, back] of cuts) {
        const to = events.length === 0 ? 0 : end % (events.length + 1);
        const from = to === 0 ? 0 : back % to;
        foldInto(documents, projection, events.slice(0, to));
        foldInto(documents, projection, events.slice(from, to));
      }
      foldInto(documents, projection, events);
      expect(Object.fromEntries(documents)).toEqual(Object.fromEntries(once));
    }),
    { numRuns: runs },
  );
}

/** Where and when a made-up event was recorded; what is left out gets a plain value. */
export type MadeUp = {
  occurredAt?: Instant;
  recordedAt?: Instant;
  actor?: string;
  site?: string;
  entity?: string;
  id?: string;
};

/** A plant event at `sequence`, as if read from PLANT, for given/when/then of folds. */
export function recordedEvent<E extends { type: PlantEvent['type']; data: PlantEvent['data'] }>(
  sequence: number,
  event: E,
  { occurredAt, recordedAt, actor, site, entity, id }: MadeUp = {},
): EventOf<E> {
  const at = recordedAt ?? instantOf(sequence);
  return {
    ...event,
    envelope: {
      id: `command${sequence}-1`,
      version: 1,
      source: 'test',
      subject: id ?? 'id',
      occurredAt: occurredAt ?? at,
      correlationId: `correlation${sequence}`,
      causationId: `command${sequence}`,
      actor: actor ?? 'account:tester',
    },
    recorded: {
      position: positionOf('PLANT', sequence),
      sequence,
      recordedAt: at,
      site: site ?? 'main',
      entity: entity ?? 'twin',
    },
  } as EventOf<E>;
}

/** A reading of `twinId` at `sequence`, as if read from TELEMETRY. `recordedAt` is `observedAt` unless given. */
export function readingEvent(
  sequence: number,
  twinId: string,
  reading: Omit<Reading, 'outside'> & { outside?: Reading['outside'] },
  { recordedAt, site = 'main' }: { recordedAt?: Instant; site?: string } = {},
): ReadingRecorded {
  const at = recordedAt ?? reading.observedAt;
  return {
    type: 'ReadingRecorded',
    data: { outside: {}, ...reading },
    envelope: {
      id: `reading${sequence}`,
      version: 1,
      source: 'test',
      subject: twinId,
      occurredAt: reading.observedAt,
      correlationId: `reading${sequence}`,
      causationId: `reading${sequence}`,
      actor: 'gateway:telemetry',
    },
    recorded: { position: positionOf('TELEMETRY', sequence), sequence, recordedAt: at, site, entity: 'telemetry' },
  };
}

function foldInto(
  documents: Map<string, ReadModelDocument>,
  projection: AnyProjection,
  events: readonly ProjectedEvent[],
): void {
  for (const event of events) {
    for (const key of projection.keys(event)) {
      const document = foldOnce(projection, documents.get(key), event, key);
      if (document !== undefined) documents.set(key, document);
    }
  }
}

/** One event a second from a fixed start, so that made-up histories are readable. */
function instantOf(sequence: number): Instant {
  return new Date(Date.UTC(2026, 10, 24, 0, 0, 0) + sequence * 1000).toISOString();
}
