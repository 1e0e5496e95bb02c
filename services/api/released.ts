import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { canonicalJson } from '@stratum/infra/projector/digest.ts';
import { z } from 'zod';
import type { PublishedSchema } from './schemas.ts';

/** SHA-256 (hex) of what a released event version is: its schema, and the real sample of it. */
const release = z.object({ schema: z.string(), sample: z.string() });
/** Every released event version by name (`OrderPlaced.v1`). Kept in `contracts/released.lock.json`, to which may only be added. */
export const releasesSchema = z.record(z.string(), release);
export type Releases = z.infer<typeof releasesSchema>;

/** What is released by the contracts and golden samples as they are. `sampleOf` gives a sample's text by name. */
export function releasesOf(
  schemas: readonly PublishedSchema[],
  sampleOf: (name: string) => string = goldenSample,
): Releases {
  return Object.fromEntries(
    schemas.map(({ name, schema }) => [
      name,
      { schema: digestOf(withoutWords(schema)), sample: digestOf(JSON.parse(sampleOf(name))) },
    ]),
  );
}

/** The lock after a release: what is new is added, what is locked stays, whatever the contracts say now. */
export function lockAfter(locked: Releases, now: Releases): Releases {
  const all = { ...now, ...locked };
  return Object.fromEntries(
    Object.keys(all)
      .toSorted()
      .flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])),
  );
}

/** In words, what was released once and is no longer so; empty if all is well. */
export function brokenReleases(locked: Releases, now: Releases): string[] {
  return Object.entries(locked).flatMap(([name, { schema, sample }]) => {
    const current = now[name];
    if (current === undefined) return [`${name} was released and is gone`];
    return [
      ...(current.schema === schema ? [] : [`the schema of ${name} is not the one that was released`]),
      ...(current.sample === sample ? [] : [`the golden sample of ${name} is not the one that was released`]),
    ];
  });
}

/** Where the lock is. */
export const LOCK_FILE = 'contracts/released.lock.json';
const contracts = new URL('../../contracts/', import.meta.url);

/** The lock as it is on disk. */
export function lockedReleases(): Releases {
  return releasesSchema.parse(JSON.parse(readFileSync(new URL('released.lock.json', contracts), 'utf8')));
}

function goldenSample(name: string): string {
  return readFileSync(new URL(`golden/${name}.json`, contracts), 'utf8');
}

const digestOf = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

/** A schema without what is written in it for people, which may be put better; a field may well be called `description`. */
function withoutWords(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutWords);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, value]) => !(name === 'description' && typeof value === 'string'))
      .map(([name, value]) => [name, withoutWords(value)]),
  );
}
