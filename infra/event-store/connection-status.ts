import type { NatsConnection, Status } from '@nats-io/transport-node';

type Listener = (status: Status) => void;
const watchers = new WeakMap<NatsConnection, Set<Listener>>();

/**
 * Calls the listener for everything that happens to a connection (`disconnect`, `reconnect`, `error`, …) and with `close`
 * at its end. One loop per connection serves all listeners. Returns how to stop.
 */
export function onStatus(nc: NatsConnection, listener: Listener): () => void {
  const listeners = watchers.get(nc) ?? watch(nc);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function watch(nc: NatsConnection): Set<Listener> {
  const listeners = new Set<Listener>();
  watchers.set(nc, listeners);
  const tell = (status: Status) => {
    for (const listener of [...listeners]) listener(status);
  };
  void (async () => {
    for await (const status of nc.status()) if (status.type !== 'close') tell(status);
    tell({ type: 'close' });
    listeners.clear();
  })();
  return listeners;
}
