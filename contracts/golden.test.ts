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
    expect(contract?.versions.at(-1)?.safeParse(newest).success).toBe(true);
  });

  test('fits the published schema, also with a field added later', () => {
    const published = z.fromJSONSchema(z.record(z.string(), z.json()).parse(json('docs', 'schemas', `${name}.json`)));
    expect(published.safeParse(sample)).toMatchObject({ success: true });
    expect(published.safeParse({ ...Object(sample), addedLater: 1 })).toMatchObject({ success: true });
    expect(published.safeParse({}).success).toBe(false);
  });
});
