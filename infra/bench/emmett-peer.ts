import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Decided } from '@stratum/contracts/envelope.ts';
import { cached } from '../local/cache.ts';
import { step } from '../local/progress.ts';
import { findOnPath, runTool } from '../local/tool.ts';

export const EMMETT_VERSION = '0.42.0';
/** Emmett 0.42 asks for peers that npm cannot agree on, so what it needs is named, and `--legacy-peer-deps` given. */
const PACKAGES = [
  `@event-driven-io/emmett@${EMMETT_VERSION}`,
  `@event-driven-io/emmett-postgresql@${EMMETT_VERSION}`,
  '@event-driven-io/pongo@0.16.11',
  '@event-driven-io/dumbo@0.12.7',
  'pg@8.23.1',
  'pg-connection-string@2',
  'async-retry@1.3.3',
  'uuid@10.0.0',
  'commander@12.1.0',
  'ansis@4',
  'cli-table3@0.6.5',
];
/** How Emmett is fetched, for those who want to see for themselves. */
export const EMMETT_INSTALL = `npm install --legacy-peer-deps ${PACKAGES.join(' ')}`;
const NPM_SECONDS_MAX = 180;

/** What is used of Emmett. */
export type EventStore = { schema: { migrate(): Promise<unknown> }; close(): Promise<void> };
type Handle<State> = (store: EventStore, id: string, decide: (state: State) => readonly Decided[]) => Promise<unknown>;
/** Connections of `pg`, as Emmett takes them. */
export type Pool = { readonly ended: boolean; end(): Promise<void> };
export type Emmett = {
  getPostgreSQLEventStore(connectionString: string, options: { connectionOptions: { pool: Pool } }): EventStore;
  /** A pool of at most `max` connections. */
  openPool(connectionString: string, max: number): Pool;
  CommandHandler<State>(options: {
    evolve: (state: State, event: never) => State;
    initialState: () => State;
  }): Handle<State>;
};

/** Emmett and its PostgreSQL store from the user's cache folder, or fetched with npm: it is no dependency of Stratum. */
export async function emmett(): Promise<Emmett> {
  const folder = await cached(`peers-emmett-${EMMETT_VERSION}`, (draft) =>
    step(`Emmett ${EMMETT_VERSION}: fetched with npm`, () => fetchEmmett(draft)),
  );
  const load = (file: string) => import(pathToFileURL(join(folder, 'node_modules', file)).href);
  const [{ CommandHandler }, { getPostgreSQLEventStore }, { default: pg }] = await Promise.all([
    load('@event-driven-io/emmett/dist/index.js'),
    load('@event-driven-io/emmett-postgresql/dist/index.js'),
    load('pg/lib/index.js'),
  ]);
  const openPool: Emmett['openPool'] = (connectionString, max) => new pg.Pool({ connectionString, max });
  return { CommandHandler, getPostgreSQLEventStore, openPool };
}

async function fetchEmmett(folder: string): Promise<void> {
  const npm = await findOnPath('npm');
  if (npm === null) throw new Error('npm is not on PATH, and Emmett is fetched with it');
  await writeFile(join(folder, 'package.json'), '{"private":true}\n');
  const options = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await runTool(npm, ['install', '--prefix', folder, ...options, ...PACKAGES], { folder, secondsMax: NPM_SECONDS_MAX });
}
