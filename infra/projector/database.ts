import { setTimeout as wait } from 'node:timers/promises';
import { type Db, MongoClient } from 'mongodb';

const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
/** The driver's look at a server takes 15 s at most; one that takes longer will never end. */
const LOOK_MS_MAX = 20_000;
const CHECK_EVERY_MS = 1_000;
const AGAIN_AFTER_MS = 500;
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
  const watch = reopenWhenStuck(client);
  const database = client.db(new URL(uri).pathname.length > 1 ? undefined : NAME_DEFAULT);
  return {
    database,
    [Symbol.asyncDispose]: () => {
      watch[Symbol.dispose]();
      return client.close();
    },
  };
}

/**
 * The driver (7.9) looks at each server now and then, and takes no other look while one is under way. When it begins one on a
 * socket that has just ended, it hears neither of an answer nor of an error, and never connects again. Then its connections
 * are closed and opened anew.
 */
function reopenWhenStuck(client: MongoClient): Disposable {
  const looks = new Map<string, number>();
  client.on('serverHeartbeatStarted', ({ connectionId }) => void looks.set(connectionId, performance.now()));
  client.on('serverHeartbeatSucceeded', ({ connectionId }) => void looks.delete(connectionId));
  client.on('serverHeartbeatFailed', ({ connectionId }) => void looks.delete(connectionId));
  const stopping = new AbortController();
  const check = setInterval(() => {
    const isStuck = [...looks.values()].some((startedMs) => performance.now() - startedMs > LOOK_MS_MAX);
    if (!isStuck) return;
    looks.clear();
    void reopen(client, stopping.signal);
  }, CHECK_EVERY_MS);
  check.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(check);
      stopping.abort();
    },
  };
}

async function reopen(client: MongoClient, signal: AbortSignal): Promise<void> {
  await client.close();
  while (!signal.aborted) {
    try {
      await client.connect();
      return;
    } catch {
      // The server is away; whoever asks hears of it.
      await wait(AGAIN_AFTER_MS, undefined, { ref: false });
    }
  }
}
