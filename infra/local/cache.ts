import { rmSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CannotStart } from './cannot-start.ts';
import { requireDiskSpace } from './disk.ts';
import { isRunning, markOf, type ProcessMark } from './process-identity.ts';
import { say } from './progress.ts';

const MANIFEST = '.part.json';
/** The largest part takes about 700 MB while it is unpacked. */
const FETCH_BYTES_MIN = 1024 * 1024 * 1024;
const LOCK_POLL_MS = 200;
const LOCK_WRITE_MS_MAX = 5_000;
const LOCK_MS_MAX = 10 * 60 * 1000;

/** What is removed may still be written to for a moment, by a tool that is ending. */
const REMOVE_AT_ONCE = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 };

/** What this process has begun and must not leave behind, however it ends. */
const unfinished = new Set<string>();
process.once('exit', () => unfinished.forEach((path) => void rmSync(path, REMOVE_AT_ONCE)));

/** The folder all clones of this user share: `${XDG_CACHE_HOME:-~/.cache}/stratum`. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stratum');
}

/** The folder of a cached part if it is there and whole (every file present with its size), else null. */
export async function findCached(name: string): Promise<string | null> {
  const folder = join(cacheFolder(), name);
  return (await isWhole(folder)) ? folder : null;
}

/**
 * The folder of a cached part; made by `make` when it is missing or damaged.
 *
 * Two starters at once do the work once: the second waits for the first. Nothing depends on that lock for safety: the
 * part is made in a folder of its own, listed file by file in a manifest, and then renamed into place.
 * @param name `<part>-<version>`
 * @param make fills the empty folder it is given
 */
export async function cached(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cacheFolder(), name);
  if (await isWhole(target)) return target;
  await requireDiskSpace(cacheFolder(), FETCH_BYTES_MIN);
  return withLock(join(cacheFolder(), `${name}.lock`), name, async () => {
    if (await isWhole(target)) return target;
    await removeAbandoned(name);
    const draft = join(cacheFolder(), `${name}.making-${process.pid}`);
    await rm(draft, { recursive: true, force: true });
    unfinished.add(draft);
    await mkdir(draft);
    try {
      await make(draft);
      await writeFile(join(draft, MANIFEST), JSON.stringify({ files: await listFiles(draft) }));
      await putInPlace(draft, target);
    } finally {
      await rm(draft, { recursive: true, force: true });
      unfinished.delete(draft);
    }
    return target;
  });
}

/**
 * Runs `work` while holding a lock file that names this process; a lock left by a process that ended is taken over.
 * @throws CannotStart when another process holds it for longer than 10 minutes
 */
export async function withLock<Result>(lock: string, what: string, work: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + LOCK_MS_MAX;
  let hasSaid = false;
  while (!(await tryLock(lock))) {
    if (await isAbandoned(lock)) {
      await rm(lock, { force: true });
      continue;
    }
    if (Date.now() > deadline)
      throw new CannotStart(
        `Another start has been busy with ${what} for 10 minutes: stop it, or delete ${lock}, and start again.`,
      );
    if (!hasSaid) say(`… waiting for another start that is already busy with ${what}`);
    hasSaid = true;
    await wait(LOCK_POLL_MS);
  }
  unfinished.add(lock);
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
    unfinished.delete(lock);
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx');
    await file.writeFile(JSON.stringify(markOf(process.pid)));
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** A lock whose owner ended, or that names no owner for longer than it takes to write one. */
async function isAbandoned(lock: string): Promise<boolean> {
  const owner = await readOwner(lock);
  if (owner !== null) return !isRunning(owner);
  const writtenAtMs = (await stat(lock).catch(() => null))?.mtimeMs ?? Date.now();
  return Date.now() - writtenAtMs > LOCK_WRITE_MS_MAX;
}

/** The lock's owner; null while it is being written or was just released. */
async function readOwner(lock: string): Promise<ProcessMark | null> {
  try {
    const owner: unknown = JSON.parse(await readFile(lock, 'utf8'));
    return isMark(owner) ? owner : null;
  } catch {
    return null;
  }
}

function isMark(value: unknown): value is ProcessMark {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'identity' in value &&
    typeof value.identity === 'string'
  );
}

async function isWhole(folder: string): Promise<boolean> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'));
    if (typeof manifest !== 'object' || manifest === null || !('files' in manifest) || !Array.isArray(manifest.files))
      return false;
    const checks = manifest.files.map(
      async ([path, bytes]: [string, number]) => (await stat(join(folder, path))).size === bytes,
    );
    return manifest.files.length > 0 && (await Promise.all(checks)).every(Boolean);
  } catch {
    return false;
  }
}

async function listFiles(folder: string): Promise<[path: string, bytes: number][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return Promise.all(
    files.map(async (path): Promise<[string, number]> => [path, (await stat(join(folder, path))).size]),
  );
}

async function putInPlace(draft: string, target: string): Promise<void> {
  const old = `${target}.old-${process.pid}`;
  await rename(target, old).catch(() => undefined);
  await rename(draft, target);
  await rm(old, { recursive: true, force: true });
}

/** Drafts whose maker was killed; the lock is ours, so nobody is working on this part now. */
async function removeAbandoned(name: string): Promise<void> {
  const entries = await readdir(cacheFolder());
  const abandoned = entries.filter((entry) => entry.startsWith(`${name}.making-`) || entry.startsWith(`${name}.old-`));
  await Promise.all(abandoned.map((entry) => rm(join(cacheFolder(), entry), { recursive: true, force: true })));
}
