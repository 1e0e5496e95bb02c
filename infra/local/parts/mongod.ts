import { chmod, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { cached, findCached } from '../cache.ts';
import { say, step } from '../progress.ts';
import { findOnPath } from '../tool.ts';

/** MongoDB's own default of the package that downloads it. */
const VERSION = '8.2.6';
const CACHE_NAME = `mongod-${VERSION}`;
const DOWNLOAD_HOST = 'https://fastdl.mongodb.org/';
const PROBE_MS_MAX = 3_000;
const DOWNLOAD_MS_MAX = 120_000;

/** The path of a mongod on PATH or in the cache, or null. */
export async function findMongod(): Promise<string | null> {
  const onPath = await findOnPath('mongod');
  if (onPath !== null) return onPath;
  const folder = await findCached(CACHE_NAME);
  return folder === null ? null : join(folder, 'mongod');
}

/** True when MongoDB's download host answers from here; some networks do not let anyone through to it. */
export async function canDownloadMongod(): Promise<boolean> {
  try {
    await fetch(DOWNLOAD_HOST, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_MS_MAX) });
    return true;
  } catch {
    return false;
  }
}

/**
 * Downloads a real mongod into the cache, once, without retries; null when there is none for this system or the
 * download fails, so that the caller takes the next way.
 */
export async function downloadMongod(): Promise<string | null> {
  try {
    const folder = await cached(CACHE_NAME, (draft) => step(`mongod ${VERSION}: downloaded`, () => fetchMongod(draft)));
    return join(folder, 'mongod');
  } catch (error) {
    say(
      `mongod could not be downloaded (${error instanceof Error ? error.message.split('\n')[0] : error}); taking FerretDB`,
    );
    return null;
  }
}

async function fetchMongod(folder: string): Promise<void> {
  process.env.MONGOMS_MAX_RETRIES = '0';
  process.env.MONGOMS_PREFER_GLOBAL_PATH = 'false';
  const { MongoBinary } = await import('mongodb-memory-server-core');
  const download = MongoBinary.getPath({ version: VERSION, downloadDir: join(folder, 'download') });
  // The package knows no limit of its own. A download that stalls is left to itself and the next way is taken.
  const late = wait(DOWNLOAD_MS_MAX, null, { ref: false });
  const binary = await Promise.race([download, late]);
  if (binary === null) throw new Error(`it took longer than ${DOWNLOAD_MS_MAX / 1000} s`);
  await rename(binary, join(folder, 'mongod'));
  await chmod(join(folder, 'mongod'), 0o755);
  await rm(join(folder, 'download'), { recursive: true, force: true });
}
