import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { events } from './registry.ts';

const folder = dirname(fileURLToPath(import.meta.url));
const json = (...path: string[]): unknown => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));

const released = Object.entries(events).flatMap(([type, { versions }]) =>
  versions.map((schema, index) => ({ name: `${type}.v${index + 1}`, type, version: index + 1, schema })),
);

const publishedSchema = z.object({ required: z.array(z.string()) });
const requiredBy = (name: string) => publishedSchema.parse(json('docs', 'schemas', `${name}.json`)).required;

test('every released version of an event has one real sample, and no sample has lost its event', () => {
  const samples = readdirSync(join(folder, 'golden')).toSorted();
  expect(samples).toEqual(released.map(({ name }) => `${name}.json`).toSorted());
});

describe.each(released)('$name', ({ name, type, version, schema }) => {
  const sample = json('golden', `${name}.json`);

  test('is read as it was written', () => {
    expect(schema.parse(sample)).toEqual(sample);
  });

  test('is understood by the newest program', () => {
    const contract = events[type];
    const newest = contract?.upcast.slice(version - 1).reduce((data, step) => step(data), schema.parse(sample));
    expect(contract?.versions.at(-1)?.parse(newest)).toEqual(newest);
    expect(contract?.upcast).toHaveLength((contract?.versions.length ?? 0) - 1);
  });

  test('is understood, as far as it goes, by every program that knows an older version only', () => {
    const older = events[type]?.versions.slice(0, version - 1) ?? [];
    expect(older.map((known) => known.safeParse(sample).success)).toEqual(older.map(() => true));
  });

  test('asks for all that the version before asks for', () => {
    if (version === 1) return;
    const before = requiredBy(`${type}.v${version - 1}`);
    expect(requiredBy(name)).toEqual(expect.arrayContaining(before));
  });

  test('fits the published schema, also with a field added later', () => {
    const published = z.fromJSONSchema(z.record(z.string(), z.json()).parse(json('docs', 'schemas', `${name}.json`)));
    expect(published.safeParse(sample)).toMatchObject({ success: true });
    expect(published.safeParse({ ...Object(sample), addedLater: 1 })).toMatchObject({ success: true });
    expect(published.safeParse({}).success).toBe(false);
  });
});
