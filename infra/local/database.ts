import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChildSpec } from './child.ts';
import type { DatabasePart } from './parts/database.ts';
import type { DocumentDb } from './parts/documentdb.ts';
import { keptSecret } from './secret.ts';
import type { Supervisor } from './supervisor.ts';
import { runTool } from './tool.ts';
import { unprivileged } from './unprivileged.ts';

const READY_MS_MAX = 60_000;
const PING_MS_MAX = 2_000;
const SETUP_SECONDS_MAX = 60;
const DATABASE_NAME = 'stratum';
const PASSWORD_BYTES = 18;
/** Tiers stop from the highest down: FerretDB before the PostgreSQL it sits on. */
const TIER_STORE = 1;
const TIER_PROTOCOL = 2;

export interface DatabasePlace {
  /** Holds the database's files and its password. */
  folder: string;
  /** Speaks MongoDB's protocol, on 127.0.0.1. */
  port: number;
  /** PostgreSQL's, on 127.0.0.1; unused by mongod. */
  postgresPort: number;
}

export interface RunningDatabase {
  /** With the name of Stratum's database, and user and password where there are any. */
  uri: string;
  /** For people: which of the two it is. */
  label: string;
}

/** Starts the database as children of the supervisor and waits until it answers a ping. */
export async function startDatabase(
  supervisor: Supervisor,
  part: DatabasePart,
  place: DatabasePlace,
): Promise<RunningDatabase> {
  await mkdir(place.folder, { recursive: true });
  if (part.kind === 'mongod') {
    const uri = `mongodb://127.0.0.1:${place.port}/${DATABASE_NAME}`;
    await supervisor.start(await mongodChild(part.mongod, place, uri));
    return { uri, label: 'mongod' };
  }
  const password = keptSecret(join(place.folder, 'password'), () => randomBytes(PASSWORD_BYTES).toString('base64url'));
  const uri = `mongodb://postgres:${password}@127.0.0.1:${place.port}/${DATABASE_NAME}?authSource=admin`;
  await supervisor.start(await postgresChild(part.documentDb, place));
  await setUpExtension(part.documentDb, place, password);
  await supervisor.start(await ferretChild(part.ferretdb, place, uri));
  return { uri, label: 'FerretDB 2.7 on PostgreSQL 18 with DocumentDB' };
}

/** True when a server behind a MongoDB URI answers a ping within 2 seconds. */
export async function answersPing(uri: string): Promise<boolean> {
  const { MongoClient } = await import('mongodb');
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: PING_MS_MAX, connectTimeoutMS: PING_MS_MAX });
  try {
    await client.db('admin').command({ ping: 1 }, { timeoutMS: PING_MS_MAX });
    return true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}

async function mongodChild(mongod: string, place: DatabasePlace, uri: string): Promise<ChildSpec> {
  const dataFolder = join(place.folder, 'mongod');
  await mkdir(dataFolder, { recursive: true });
  return {
    name: 'mongod',
    command: mongod,
    args: ['--dbpath', dataFolder, '--port', String(place.port), '--bind_ip', '127.0.0.1', '--nounixsocket', '--quiet'],
    environment: {},
    folder: place.folder,
    ready: () => answersPing(uri),
    readyMsMax: READY_MS_MAX,
    stopSignal: 'SIGTERM',
    stopMsMax: 3_000,
    tier: TIER_STORE,
  };
}

async function postgresChild(server: DocumentDb, place: DatabasePlace): Promise<ChildSpec> {
  const dataFolder = join(place.folder, 'postgresql');
  const asUser = await unprivileged(place.folder);
  if (!existsSync(join(dataFolder, 'PG_VERSION'))) {
    rmSync(dataFolder, { recursive: true, force: true });
    const args = [
      '-D',
      dataFolder,
      '-A',
      'trust',
      '-U',
      'postgres',
      '--locale=C.UTF-8',
      '--encoding=UTF8',
      '--no-sync',
    ];
    await runTool(...asUser(join(server.binFolder, 'initdb'), args), { secondsMax: SETUP_SECONDS_MAX });
  }
  removeForeignPid(dataFolder);
  const settings = {
    port: place.postgresPort,
    listen_addresses: '127.0.0.1',
    // Only TCP: a socket's path may not be longer than 107 bytes, and building an index calls back to localhost anyway.
    unix_socket_directories: '',
    shared_preload_libraries: 'pg_cron,pg_documentdb_core,pg_documentdb',
    'cron.database_name': 'postgres',
    shared_buffers: '256MB',
    // Read models can be rebuilt: the last half second may be lost in a crash, and is then projected again.
    synchronous_commit: 'off',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const [command, args] = asUser(join(server.binFolder, 'postgres'), ['-D', dataFolder, ...options]);
  return {
    name: 'postgresql',
    command,
    args,
    environment: {},
    folder: place.folder,
    ready: /database system is ready to accept connections/,
    readyMsMax: READY_MS_MAX,
    // PostgreSQL's fast shutdown: it ends open connections instead of waiting for them.
    stopSignal: 'SIGINT',
    stopMsMax: 2_000,
    tier: TIER_STORE,
  };
}

/**
 * Deletes the pid file of a killed server when its pid belongs to another program by now (usual in containers, where
 * pids begin anew): PostgreSQL would take that program for itself and refuse to start.
 */
function removeForeignPid(dataFolder: string): void {
  const pidFile = join(dataFolder, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = readFileSync(pidFile, 'utf8').split('\n')[0] ?? '';
  const commandLineFile = `/proc/${pid}/cmdline`;
  const isOurs = existsSync(commandLineFile) && readFileSync(commandLineFile, 'utf8').includes(dataFolder);
  if (!isOurs) rmSync(pidFile, { force: true });
}

async function setUpExtension(server: DocumentDb, place: DatabasePlace, password: string): Promise<void> {
  const sql = `set client_min_messages = warning; create extension if not exists documentdb cascade; alter role postgres password '${password}'`;
  const args = [
    '-X',
    '-q',
    '-v',
    'ON_ERROR_STOP=1',
    '-h',
    '127.0.0.1',
    '-p',
    String(place.postgresPort),
    '-U',
    'postgres',
    '-d',
    'postgres',
    '-c',
    sql,
  ];
  await runTool(join(server.binFolder, 'psql'), args, { secondsMax: SETUP_SECONDS_MAX });
}

async function ferretChild(ferretdb: string, place: DatabasePlace, uri: string): Promise<ChildSpec> {
  const stateFolder = join(place.folder, 'ferretdb');
  await mkdir(stateFolder, { recursive: true });
  return {
    name: 'ferretdb',
    command: ferretdb,
    args: [
      `--postgresql-url=postgres://postgres@127.0.0.1:${place.postgresPort}/postgres`,
      `--listen-addr=127.0.0.1:${place.port}`,
      '--debug-addr=-',
      `--state-dir=${stateFolder}`,
      '--telemetry=disable',
      '--log-level=warn',
    ],
    environment: {},
    folder: place.folder,
    ready: () => answersPing(uri),
    readyMsMax: READY_MS_MAX,
    stopSignal: 'SIGTERM',
    stopMsMax: 1_000,
    tier: TIER_PROTOCOL,
  };
}
