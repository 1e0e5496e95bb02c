import { join } from 'node:path';
import { cached, findCached } from '../cache.ts';
import { step } from '../progress.ts';
import { explain } from '../tool.ts';
import { goInstall, goTool } from './go-tool.ts';

const VERSION = '2.7.0';
const CACHE_NAME = `ferretdb-${VERSION}`;
const INSTEAD = 'put mongod on PATH, or set MONGODB_URI to a MongoDB of your own';

/** The path of the cached FerretDB, or null when it is not there or damaged. */
export async function findFerretDb(): Promise<string | null> {
  const folder = await findCached(CACHE_NAME);
  return folder === null ? null : join(folder, 'ferretdb');
}

/**
 * The path of FerretDB, which speaks MongoDB's protocol on top of DocumentDB: from the cache, or built with Go.
 * @throws CannotStart when it cannot be had
 */
export async function ferretDb(): Promise<string> {
  const inCache = await findFerretDb();
  if (inCache !== null) return inCache;
  try {
    const folder = await cached(CACHE_NAME, fetchFerretDb);
    return join(folder, 'ferretdb');
  } catch (error) {
    throw explain(error, `FerretDB ${VERSION}`, INSTEAD);
  }
}

async function fetchFerretDb(folder: string): Promise<void> {
  const go = await goTool();
  await step(`FerretDB ${VERSION}: built with Go`, () =>
    goInstall(go, `github.com/FerretDB/FerretDB/v2/cmd/ferretdb@v${VERSION}`, folder),
  );
}
