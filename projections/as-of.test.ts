import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { openModel } from '@stratum/infra/projector/model.ts';
import type { AnyProjection, ReadModelDocument } from '@stratum/infra/projector/projection.ts';
import { foldAll } from '@stratum/infra/projector/testing.ts';
import { nodesAt, type Version } from '@stratum/infra/projector/versions.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { all } from './all.ts';
import { plantFacts, recordedFacts } from './plant-history.fixture.ts';

const ofPlant = all.filter(({ stream }) => stream === 'PLANT');

describe.each(ofPlant.map((projection) => [projection.name, projection] as const))('%s', (_name, projection) => {
  test('is found again at every snapshot, whatever the batches and whatever was repeated after a crash', async () => {
    const histories = fc.array(plantFacts, { minLength: 1, maxLength: 60 }).map(recordedFacts);
    const batches = fc.array(fc.record({ size: fc.integer({ min: 1, max: 9 }), dies: fc.boolean() }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(histories, fc.integer({ min: 1, max: 7 }), batches, async (events, snapshotEvery, plan) => {
        const its = { ...projection, snapshotEvery };
        const { live, versions } = await projected(its, events, plan);
        for (let snapshot = 0; snapshot * snapshotEvery <= events.length; snapshot++) {
          const upTo = snapshot * snapshotEvery;
          const nodes = new Set(nodesAt(snapshot));
          const untouched = live.filter((document) => document._position <= upTo);
          const former = versions.filter((version) => version.nodes.some((node) => nodes.has(node)));
          const found = [...untouched, ...former.map(({ document }) => document)];
          const expected = foldAll(projection, events.slice(0, upTo));
          expect(found.length).toBe(expected.size);
          expect(Object.fromEntries(found.map((document) => [document._id, document]))).toEqual(
            Object.fromEntries(expected),
          );
        }
      }),
    );
  });

  test('has no document beyond what is said of those that are there', () => {
    const { bornBy } = projection;
    if (bornBy === undefined) return;
    fc.assert(
      fc.property(fc.array(plantFacts, { maxLength: 60 }).map(recordedFacts), (events) => {
        for (const event of events) {
          const { sequence } = event.recorded;
          // An alert of the made-up plant was raised within minutes of this instant.
          const { field, atMost } = bornBy(sequence, '2026-11-24T20:05:00.000Z');
          for (const document of foldAll(projection, events.slice(0, sequence)).values()) {
            expect(Reflect.get(document, field) <= atMost).toBe(true);
          }
        }
      }),
    );
  });
});

/** Folds a history in batches, each perhaps cut off after its former documents were written and before all others were. */
async function projected(
  projection: AnyProjection,
  events: readonly PlantEvent[],
  plan: readonly { size: number; dies: boolean }[],
): Promise<{ live: ReadModelDocument[]; versions: Version[] }> {
  const stored = new Map<string, ReadModelDocument>();
  const versions = new Map<string, Version>();
  const documents = {
    load: async (keys: readonly string[]) => keys.flatMap((key) => stored.get(key) ?? []),
    write: async () => undefined,
  };
  let model = openModel(projection, documents, 0);
  let checkpoint = 0;
  for (const { size, dies } of [...plan, { size: events.length, dies: false }]) {
    const batch = events.slice(checkpoint, checkpoint + size);
    await model.fold(batch, checkpoint + batch.length);
    const unwritten = model.unwritten();
    for (const version of unwritten.versions) {
      const known = versions.get(version._id);
      if (known !== undefined) expect(version).toEqual(known);
      versions.set(version._id, version);
    }
    const written = dies ? unwritten.changes.slice(0, 1) : unwritten.changes;
    for (const { document } of written) stored.set(document._id, document);
    if (dies) {
      model = openModel(projection, documents, checkpoint);
    } else {
      model.written(unwritten);
      checkpoint += batch.length;
    }
  }
  return { live: [...stored.values()], versions: [...versions.values()] };
}
