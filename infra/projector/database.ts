import { type Db, MongoClient } from 'mongodb';

const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
const POOL_SIZE_MAX = 20;
const NAME_DEFAULT = 'stratum';

/** An open database of read models; disposing closes its connections. */
export type OpenDatabase = { database: Db; [Symbol.asyncDispose](): Promise<void> };

/**
 * Connects to the database that a MongoDB URI names (`stratum` if it names none): mongod or FerretDB, so nothing is
 * retried by transactions. `name` is what the server calls this client. Later outages heal by themselves; a query then
 * fails after 5 s at most.
 * @throws MongoServerSelectionError when no server answers within 5 s
 */
export async function openDatabase(uri: string, name: string): Promise<OpenDatabase> {
  const client = new MongoClient(uri, {
    appName: name,
    serverSelectionTimeoutMS: CONNECT_MS_MAX,
    connectTimeoutMS: CONNECT_MS_MAX,
    waitQueueTimeoutMS: CONNECT_MS_MAX,
    socketTimeoutMS: ANSWER_MS_MAX,
    maxPoolSize: POOL_SIZE_MAX,
    retryWrites: false,
    ignoreUndefined: true,
  });
  await client.connect();
  const database = client.db(new URL(uri).pathname.length > 1 ? undefined : NAME_DEFAULT);
  return { database, [Symbol.asyncDispose]: () => client.close() };
}
