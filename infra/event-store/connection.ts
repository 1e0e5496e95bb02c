import { type ConnectionOptions, connect, createInbox, type NatsConnection } from '@nats-io/transport-node';
import { watchStatus } from './connection-status.ts';

const CONNECT_MS_MAX = 5_000;
const RECONNECT_WAIT_MS = 250;
const PING_EVERY_MS = 10_000;
/** A server that leaves this many pings unanswered counts as gone. */
const PINGS_UNANSWERED_MAX = 2;

export type NatsConnectionOptions = {
  /** What the server's monitoring calls this client: `api`, `worker`. */
  name: string;
  /** First tokens of the reply subjects, where a user may only subscribe to its own: `_INBOX_worker`. */
  inboxPrefix?: string;
};

/**
 * Connects to NATS, once, within 5 seconds; after that the connection heals itself for ever, trying four times a second.
 * User and password may stand in the URL (`nats://user:password@host:4222`); several servers are separated by commas.
 * @throws ConnectionError when no server answers
 */
export async function connectNats(url: string, { name, inboxPrefix }: NatsConnectionOptions): Promise<NatsConnection> {
  const servers = url.split(',').map((server) => server.trim());
  const nc = await connect({
    servers: servers.map(withoutCredentials),
    name,
    timeout: CONNECT_MS_MAX,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS,
    pingInterval: PING_EVERY_MS,
    maxPingOut: PINGS_UNANSWERED_MAX,
    // A stack trace per request would cost a third of the appends per second.
    noAsyncTraces: true,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...credentialsOf(servers[0] ?? ''),
  });
  if (inboxPrefix !== undefined) inboxPrefixes.set(nc, inboxPrefix);
  watchStatus(nc);
  return nc;
}

const inboxPrefixes = new WeakMap<NatsConnection, string>();

/** A new reply subject that the user of this connection may subscribe to. */
export function newInbox(nc: NatsConnection): string {
  return createInbox(inboxPrefixes.get(nc));
}

function withoutCredentials(server: string): string {
  return server.replace(/^(\w+:\/\/)?[^@/]*@/, '$1');
}

function credentialsOf(server: string): Pick<ConnectionOptions, 'user' | 'pass'> {
  const userinfo = /^(?:\w+:\/\/)?([^@/]*)@/.exec(server)?.[1];
  if (userinfo === undefined) return {};
  const [user = '', ...pass] = userinfo.split(':');
  return { user: decodeURIComponent(user), pass: decodeURIComponent(pass.join(':')) };
}
