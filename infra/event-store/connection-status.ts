import type { NatsConnection, Status } from '@nats-io/transport-node';
import { isAway } from './errors.ts';
import { backoffMs, waitMs } from './wait.ts';

type Listener = (status: Status) => void;
type Watched = { isConnected: boolean; listeners: Set<Listener> };
const watched = new WeakMap<NatsConnection, Watched>();

/** Follows a connection from now on: what happened to it before is not known. */
export function watchStatus(nc: NatsConnection): void {
  watch(nc);
}

/**
 * Calls the listener for everything that happens to a connection (`disconnect`, `reconnect`, `error`, …) and with `close`
 * at its end. One loop per connection serves all listeners. Returns how to stop.
 */
export function onStatus(nc: NatsConnection, listener: Listener): () => void {
  const { listeners } = watch(nc);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the server can be reached, as far as is known: a lost connection is noticed when it breaks or misses pings. */
export function isConnected(nc: NatsConnection): boolean {
  return watch(nc).isConnected;
}

/** Resolves when the connection is up, is closed for good, or the signal aborts; at once if it is up. */
export async function whenConnected(nc: NatsConnection, signal: AbortSignal): Promise<void> {
  if (isConnected(nc) || nc.isClosed() || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const go = () => resolve();
  const stop = onStatus(nc, ({ type }) => {
    if (type === 'reconnect' || type === 'close') resolve();
  });
  signal.addEventListener('abort', go, { once: true });
  await promise;
  signal.removeEventListener('abort', go);
  stop();
}

/**
 * Does what needs NATS, waiting for as long as NATS is away; `undefined` when the signal comes first.
 * @throws what the task throws for any other reason, and the last reason when the connection is closed for good
 */
export async function patiently<Result>(
  nc: NatsConnection,
  signal: AbortSignal,
  task: () => Promise<Result>,
): Promise<Result | undefined> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    await whenConnected(nc, signal);
    if (signal.aborted) break;
    try {
      return await task();
    } catch (error) {
      if (!isAway(error) || nc.isClosed()) throw error;
    }
    await waitMs(backoffMs(attempt), signal);
  }
  return undefined;
}

function watch(nc: NatsConnection): Watched {
  const known = watched.get(nc);
  if (known !== undefined) return known;
  const connection: Watched = { isConnected: !nc.isClosed(), listeners: new Set() };
  watched.set(nc, connection);
  const tell = (status: Status) => {
    if (status.type === 'disconnect' || status.type === 'close') connection.isConnected = false;
    if (status.type === 'reconnect') connection.isConnected = true;
    for (const listener of [...connection.listeners]) listener(status);
  };
  void (async () => {
    for await (const status of nc.status()) if (status.type !== 'close') tell(status);
    tell({ type: 'close' });
    connection.listeners.clear();
  })();
  return connection;
}
