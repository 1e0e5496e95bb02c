import { randomUUID } from 'node:crypto';
import { type Db, MongoClient } from 'mongodb';

const CONNECT_MS_MAX = 10_000;

/** A database of a test's own; disposing drops it. */
export interface FreshDatabase extends AsyncDisposable {
  /** Names this database, so it can be given to a process as MONGODB_URI. */
  uri: string;
  name: string;
  client: MongoClient;
  db: Db;
}

/**
 * A new, empty database with a name nobody else has, on the server the test run started.
 * @param serverUri another server; without it, this must be called in a test of the project `integration`
 */
export async function freshDatabase(serverUri?: string): Promise<FreshDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const uri = withDatabaseName(serverUri ?? (await injectedUri()), name);
  const client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: CONNECT_MS_MAX });
  const db = client.db(name);
  return {
    uri,
    name,
    client,
    db,
    async [Symbol.asyncDispose]() {
      await db.dropDatabase();
      await client.close();
    },
  };
}

/** A MongoDB URI with its database replaced; user and options stay, and the user is still looked up in `admin`. */
export function withDatabaseName(uri: string, name: string): string {
  const changed = new URL(uri);
  changed.pathname = `/${name}`;
  if (changed.username !== '' && !changed.searchParams.has('authSource'))
    changed.searchParams.set('authSource', 'admin');
  return changed.href;
}

async function injectedUri(): Promise<string> {
  const { inject } = await import('vitest');
  return inject('mongodbUri');
}
