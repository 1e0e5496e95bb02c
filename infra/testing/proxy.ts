import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Bytes held per connection and direction before the sender is made to wait. */
const HELD_BYTES_MAX = 16 * 1024 * 1024;

/** Which way bytes go. */
export type Direction = 'toServer' | 'toClient';

/**
 * A network that can fail, between a client and a server of any TCP protocol. Each call is about all connections, open or
 * to come, and about both directions unless one is named.
 */
export interface TestProxy extends AsyncDisposable {
  /** Where clients connect to, on 127.0.0.1. */
  port: number;
  /** How many connections are open through it. */
  readonly connections: number;
  /** Lets bytes arrive so much later, in order; 0 ends it. */
  delay(milliseconds: number, direction?: Direction): void;
  /** Holds bytes back while connections stay open, as in a network that has come apart; new connections hear nothing. */
  pause(direction?: Direction): void;
  /** Ends every connection at once; what was held or under way is lost. New connections work. */
  cut(): void;
  /** As `cut`, and new connections are ended at once too. */
  refuse(): void;
  /** All well again: what was held arrives, without delay, and connections are taken. */
  resume(): void;
}

/** Starts a proxy before a server on this machine. Disposing ends its connections. */
export async function startProxy(targetPort: number): Promise<TestProxy> {
  const conditions = { toServer: { delayMs: 0, isPaused: false }, toClient: { delayMs: 0, isPaused: false } };
  const links = new Set<Link>();
  let isRefusing = false;

  const listener = createServer((client) => {
    if (isRefusing) return void client.resetAndDestroy();
    const link = join(client, connect({ host: '127.0.0.1', port: targetPort }), conditions, () => links.delete(link));
    links.add(link);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');

  const change = (direction: Direction | undefined, to: Partial<Conditions>) => {
    if (direction !== 'toClient') Object.assign(conditions.toServer, to);
    if (direction !== 'toServer') Object.assign(conditions.toClient, to);
    for (const { look } of links) look();
  };
  const cut = () => {
    for (const { sockets } of links) for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: address.port,
    get connections() {
      return links.size;
    },
    delay: (milliseconds, direction) => change(direction, { delayMs: milliseconds }),
    pause: (direction) => change(direction, { isPaused: true }),
    cut,
    refuse() {
      isRefusing = true;
      cut();
    },
    resume() {
      isRefusing = false;
      change(undefined, { delayMs: 0, isPaused: false });
    },
    async [Symbol.asyncDispose]() {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** How one direction is just now. */
type Conditions = { delayMs: number; isPaused: boolean };

/** One connection through the proxy; `look` makes it notice other conditions. */
type Link = { sockets: [Socket, Socket]; look: () => void };

function join(client: Socket, server: Socket, conditions: Record<Direction, Conditions>, whenOver: () => void): Link {
  const looks = [carry(client, server, conditions.toServer), carry(server, client, conditions.toClient)];
  const sockets: Link['sockets'] = [client, server];
  for (const socket of sockets) {
    socket.setNoDelay(true);
    // An error is followed by `close`, which says all there is to know.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (sockets.every(({ closed }) => closed)) whenOver();
    });
  }
  return { sockets, look: () => looks.forEach((look) => void look()) };
}

/** Carries bytes one way, in order, none before its time, and then the end of the sender. Answers how to look again. */
function carry(from: Socket, to: Socket, conditions: Conditions): () => void {
  const held: { bytes: Buffer; sentMs: number }[] = [];
  let heldBytes = 0;
  let isOver = false;
  let change = Promise.withResolvers<void>();
  const look = () => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const end = () => {
    isOver = true;
    look();
  };
  from.once('end', end).once('close', end);
  to.once('close', look);
  from.on('data', (bytes: Buffer) => {
    held.push({ bytes, sentMs: performance.now() });
    heldBytes += bytes.length;
    if (heldBytes >= HELD_BYTES_MAX) from.pause();
    look();
  });
  void run();
  return look;

  async function run(): Promise<void> {
    while (!to.destroyed) {
      const [next] = held;
      if (next === undefined && isOver) return void to.end();
      const earlyMs = next === undefined ? 0 : next.sentMs + conditions.delayMs - performance.now();
      if (next === undefined || conditions.isPaused || earlyMs > 0) {
        const timer = earlyMs > 0 ? setTimeout(look, earlyMs) : undefined;
        await change.promise;
        clearTimeout(timer);
        continue;
      }
      held.shift();
      heldBytes -= next.bytes.length;
      if (heldBytes < HELD_BYTES_MAX) from.resume();
      await new Promise<void>((resolve) => to.write(next.bytes, () => resolve()));
    }
  }
}
