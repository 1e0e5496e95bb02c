import { mkdtemp, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { cached, findCached, withLock } from './cache.ts';

let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stratum-cache-'));
  vi.stubEnv('XDG_CACHE_HOME', home);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

const makePart = (content: string) => async (folder: string) => writeFile(join(folder, 'binary'), content);

test('a part is made once', async () => {
  const first = await cached('part-1', makePart('one'));
  const second = await cached('part-1', makePart('two'));
  expect(second).toBe(first);
  expect(await readFile(join(second, 'binary'), 'utf8')).toBe('one');
  expect(await findCached('part-1')).toBe(first);
});

test('two that want the same part at once make it once', async () => {
  let made = 0;
  const make = async (folder: string) => {
    made += 1;
    await makePart('one')(folder);
  };
  await Promise.all([cached('part-1', make), cached('part-1', make), cached('part-1', make)]);
  expect(made).toBe(1);
});

test('a part that lost some of its bytes is made again', async () => {
  const folder = await cached('part-1', makePart('whole'));
  await truncate(join(folder, 'binary'), 2);
  expect(await findCached('part-1')).toBeNull();
  await cached('part-1', makePart('again'));
  expect(await readFile(join(folder, 'binary'), 'utf8')).toBe('again');
});

test('a part that could not be made leaves nothing, and the next try makes it', async () => {
  const failing = cached('part-1', async (folder) => {
    await makePart('half')(folder);
    throw new Error('the network is down');
  });
  await expect(failing).rejects.toThrow('the network is down');
  expect(await findCached('part-1')).toBeNull();
  await cached('part-1', makePart('whole'));
  expect(await findCached('part-1')).not.toBeNull();
});

test('a lock whose owner was killed is taken over', async () => {
  const lock = join(home, 'a.lock');
  await writeFile(lock, JSON.stringify({ pid: process.pid, identity: 'an earlier process with this pid' }));
  expect(await withLock(lock, 'a thing', async () => 'done')).toBe('done');
});

test('a lock that names nobody, left by a starter killed at that very moment, is taken over', async () => {
  const lock = join(home, 'a.lock');
  await writeFile(lock, '');
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(lock, longAgo, longAgo);
  expect(await withLock(lock, 'a thing', async () => 'done')).toBe('done');
});
