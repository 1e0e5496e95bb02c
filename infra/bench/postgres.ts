import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentDb } from '../local/parts/documentdb.ts';
import { freePorts } from '../local/ports.ts';
import { supervise } from '../local/supervisor.ts';
import { runTool } from '../local/tool.ts';
import { unprivileged } from '../local/unprivileged.ts';
import { TEST_FOLDER_PREFIX } from '../testing/abandoned.ts';

const READY_MS_MAX = 60_000;
const SETUP_SECONDS_MAX = 60;

/** A plain PostgreSQL in a temporary folder. Disposing ends it and deletes the folder. */
export interface PlainPostgres extends AsyncDisposable {
  /** `postgresql://postgres@127.0.0.1:<port>/<name>` of a new, empty database. */
  createDatabase(name: string, settings?: Record<string, string>): Promise<string>;
  /** `PostgreSQL 18.1 …` */
  version: string;
}

/**
 * Starts the PostgreSQL that Stratum's own database stands on, without any extension and with the configuration that
 * `initdb` writes: `fsync` and `synchronous_commit` are on.
 */
export async function startPostgres(): Promise<PlainPostgres> {
  const { binFolder } = await documentDb();
  const folder = await mkdtemp(join(tmpdir(), `${TEST_FOLDER_PREFIX}postgres-`));
  const { port } = await freePorts('port');
  const asUser = await unprivileged(folder);
  const dataFolder = join(folder, 'postgresql');
  const initdb = ['-D', dataFolder, '-A', 'trust', '-U', 'postgres', '--locale=C.UTF-8', '--encoding=UTF8'];
  await runTool(...asUser(join(binFolder, 'initdb'), initdb), { secondsMax: SETUP_SECONDS_MAX });
  const supervisor = supervise({ logFolder: join(folder, 'logs') });
  const options = ['-D', dataFolder, '-p', String(port), '-c', 'unix_socket_directories='];
  const [command, args] = asUser(join(binFolder, 'postgres'), options);
  await supervisor.start({
    name: 'postgresql',
    command,
    args,
    environment: {},
    folder,
    ready: /database system is ready to accept connections/,
    readyMsMax: READY_MS_MAX,
    // It waits until its clients have closed their connections, which theirs may do a moment after they say so.
    stopSignal: 'SIGTERM',
    stopMsMax: 5_000,
    tier: 1,
  });
  const psql = (sql: string) => {
    const connection = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-d', 'postgres'];
    return runTool(join(binFolder, 'psql'), ['-X', '-A', '-t', ...connection, '-c', sql], {
      secondsMax: SETUP_SECONDS_MAX,
    });
  };
  return {
    version: (await psql('show server_version')).trim(),
    async createDatabase(name, settings = {}) {
      await psql(`create database ${name}`);
      for (const [key, value] of Object.entries(settings)) await psql(`alter database ${name} set ${key} = ${value}`);
      return `postgresql://postgres@127.0.0.1:${port}/${name}`;
    },
    async [Symbol.asyncDispose]() {
      await supervisor.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
