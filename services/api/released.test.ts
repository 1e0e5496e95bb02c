import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  brokenReleases,
  LOCK_FILE,
  lockAfter,
  lockedReleases,
  type Releases,
  releasesOf,
  releasesSchema,
} from './released.ts';
import { publishedSchemas } from './schemas.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const schemas = publishedSchemas();
const git = (...words: string[]): string =>
  execFileSync('git', ['-C', root, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

test('what was released stays as it was released', () => {
  expect(brokenReleases(lockedReleases(), releasesOf(schemas))).toEqual([]);
});

test('the lock itself was only ever added to', ({ skip }) => {
  const commits = commitsOfLock();
  skip(commits === undefined, 'this folder is not a git repository with its history');
  const locked = lockedReleases();
  const broken = (commits ?? []).flatMap((commit) =>
    brokenReleases(releasesSchema.parse(JSON.parse(git('show', `${commit}:${LOCK_FILE}`))), locked),
  );
  expect([...new Set(broken)]).toEqual([]);
});

/** Every commit in which the lock was written; `undefined` where there is no history to ask. */
function commitsOfLock(): string[] | undefined {
  try {
    if (git('rev-parse', '--is-shallow-repository').trim() === 'true') return undefined;
    return git('log', '--format=%H', '--diff-filter=AM', '--', LOCK_FILE)
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return undefined;
  }
}

describe('a released event', () => {
  const [first, ...others] = schemas;
  if (first === undefined) throw new Error('no event is released');
  const { name } = first;
  const sample = '{"accountId":"a1"}';
  const locked = releasesOf(schemas, () => sample);
  const changedSchema = { ...first, schema: { ...first.schema, required: [] } };

  test('whose schema is changed is refused', () => {
    const now = releasesOf([changedSchema, ...others], () => sample);
    expect(brokenReleases(locked, now)).toEqual([`the schema of ${name} is not the one that was released`]);
  });

  test('whose schema and sample are changed together is refused', () => {
    const now = releasesOf([changedSchema, ...others], (one) => (one === name ? '{"accountId":"a2"}' : sample));
    expect(brokenReleases(locked, now)).toHaveLength(2);
  });

  test('that is taken away is refused', () => {
    expect(
      brokenReleases(
        locked,
        releasesOf(others, () => sample),
      ),
    ).toEqual([`${name} was released and is gone`]);
  });

  test('may be described in better words, and its sample laid out in another way', () => {
    const described = { ...first, schema: { ...first.schema, description: 'An account exists.' } };
    const now = releasesOf([described, ...others], () => '{ "accountId": "a1" }');
    expect(brokenReleases(locked, now)).toEqual([]);
  });

  test('is locked with the next writing of the documents, which changes nothing that is locked', () => {
    const other: Releases = { 'Other.v1': { schema: 's', sample: 't' } };
    const now = releasesOf([changedSchema, ...others], () => sample);
    const after = lockAfter({ ...locked, ...other }, { ...now, 'Newer.v1': { schema: 'u', sample: 'v' } });
    expect(after).toEqual({ ...locked, ...other, 'Newer.v1': { schema: 'u', sample: 'v' } });
  });
});
