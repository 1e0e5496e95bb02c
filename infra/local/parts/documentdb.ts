import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, findCached } from '../cache.ts';
import { step } from '../progress.ts';
import { explain, runTool } from '../tool.ts';
import { fetchPackages } from './debian-archive.ts';

const CACHE_NAME = 'documentdb-pg18-1';
const PACKAGES = ['postgresql-18-documentdb', 'postgresql-18-postgis-3-scripts'];
/** Large packages of the closure that the running server never opens. */
const NEVER_OPENED =
  /^(perl|libperl|python3|libpython3|systemd|gdal|libgdal|fonts|mesa|libgl1-mesa|libllvm|postgresql-common|gcc-\d)/;
const PROGRAMS = ['postgres', 'initdb', 'psql'];
const VERSION_SECONDS_MAX = 10;
const INSTEAD = 'put mongod on PATH, or set MONGODB_URI to a MongoDB of your own';

/** PostgreSQL 18 with the DocumentDB extension, in a folder of its own with its own C library. */
export interface DocumentDb {
  /** Where `postgres`, `initdb` and `psql` are. */
  binFolder: string;
}

/** Where the cached server is, or null when it is not there or damaged. */
export async function findDocumentDb(): Promise<DocumentDb | null> {
  const folder = await findCached(CACHE_NAME);
  return folder === null ? null : { binFolder: join(folder, 'usr/lib/postgresql/18/bin') };
}

/**
 * PostgreSQL 18 with DocumentDB, from the cache or from Debian's archive (about 140 MB). Nothing is installed.
 * @throws CannotStart when it cannot be had
 */
export async function documentDb(): Promise<DocumentDb> {
  const inCache = await findDocumentDb();
  if (inCache !== null) return inCache;
  try {
    const folder = await cached(CACHE_NAME, (draft) =>
      step("PostgreSQL 18 + DocumentDB: fetched from Debian's archive", () => fetchDocumentDb(draft)),
    );
    return { binFolder: join(folder, 'usr/lib/postgresql/18/bin') };
  } catch (error) {
    throw explain(error, 'PostgreSQL with DocumentDB', INSTEAD);
  }
}

async function fetchDocumentDb(folder: string): Promise<void> {
  const triplet = libraryTriplet();
  const unpacked = join(folder, 'unpacked');
  await fetchPackages({ folder: unpacked, packages: PACKAGES, withDependencies: true, without: NEVER_OPENED });
  await keepWhatRuns(unpacked, folder, triplet);
  const root = join(folder, 'usr');
  // Debian does this in a post-install step.
  await symlink('postgis-3.control', join(root, 'share/postgresql/18/extension/postgis.control'));
  const bin = join(root, 'lib/postgresql/18/bin');
  for (const program of PROGRAMS) await wrap(bin, program, triplet);
  await runTool(join(bin, 'postgres'), ['--version'], { secondsMax: VERSION_SECONDS_MAX });
}

/** Moves the server, its share files and the shared libraries over and drops the rest (documentation, locales, …). */
async function keepWhatRuns(unpacked: string, folder: string, triplet: string): Promise<void> {
  const libraries = join('usr/lib', triplet);
  await mkdir(join(folder, libraries), { recursive: true });
  await mkdir(join(folder, 'usr/share'), { recursive: true });
  const names = await readdir(join(unpacked, libraries));
  const kept = names.filter((name) => /\.so(\.|$)/.test(name) || name === 'blas' || name === 'lapack');
  const moves = [...kept.map((name) => join(libraries, name)), 'usr/lib/postgresql', 'usr/share/postgresql'];
  for (const path of moves) await rename(join(unpacked, path), join(folder, path));
  await rm(join(folder, 'usr/lib/postgresql/18/lib/bitcode'), { recursive: true, force: true });
  await rm(unpacked, { recursive: true, force: true });
}

/**
 * Puts a script in a program's place that runs it with the C library it came with: the machine's own may be older.
 * The server's own library folder is in the path because pg_documentdb.so links pg_documentdb_core.so.
 */
async function wrap(bin: string, program: string, triplet: string): Promise<void> {
  const loader = triplet.startsWith('x86_64') ? 'ld-linux-x86-64.so.2' : 'ld-linux-aarch64.so.1';
  await rename(join(bin, program), join(bin, `${program}.bin`));
  const script = `#!/bin/sh
BIN=$(cd "$(dirname "$0")" && pwd); ROOT=\${BIN%/usr/lib/postgresql/18/bin}; LIBS=$ROOT/usr/lib/${triplet}
exec "$LIBS/${loader}" --library-path "$LIBS:$LIBS/blas:$LIBS/lapack:$ROOT/usr/lib/postgresql/18/lib" --argv0 "$BIN/${program}" "$BIN/${program}.bin" "$@"
`;
  await writeFile(join(bin, program), script);
  await chmod(join(bin, program), 0o755);
}

function libraryTriplet(): string {
  if (process.platform === 'linux' && process.arch === 'x64') return 'x86_64-linux-gnu';
  if (process.platform === 'linux' && process.arch === 'arm64') return 'aarch64-linux-gnu';
  throw new Error(`there are no packages for ${process.platform}-${process.arch}`);
}
