import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What a client says first names it: in the first bytes of NATS, MQTT and MongoDB alike. */
const GREETING_CHARACTERS_MAX = 2_048;

/** How connections are lost: `dropped` ends them and refuses new ones; `silent` lets them stand, and nothing gets through. */
export type Loss = 'dropped' | 'silent';

/** A network between one server and its clients, which can be cut for all of them or for some. */
export type Network = AsyncDisposable & {
  /** Where clients find the server, on 127.0.0.1. */
  port: number;
  /** How many connections are open through it. */
  readonly connections: number;
  /**
   * Cuts the connections, open and to come, of clients whose greeting holds one of the names; without names, of all.
   * @returns how it is healed: what was silent is dropped then, as by a network that has forgotten it
   */
  cut(loss: Loss, names?: readonly string[]): () => void;
};

type Cut = { loss: Loss; names: readonly string[] | undefined };
type Link = { client: Socket; server: Socket; greeting: string; silencedBy: Set<Cut> };

/**
 * Lays a network before a server, or before several of which any will do: each connection goes to another, if it is there.
 * Unlike a proxy for one client, it tells clients apart. Disposing ends its connections.
 */
export async function layNetwork(...serverPorts: number[]): Promise<Network> {
  const links = new Set<Link>();
  const cuts = new Set<Cut>();
  let taken = 0;

  const listener = createServer({ pauseOnConnect: true }, (client) => {
    // An error is followed by `close`, which says all there is to know.
    client.on('error', () => undefined);
    const turn = taken++ % serverPorts.length;
    void connectOne([...serverPorts.slice(turn), ...serverPorts.slice(0, turn)]).then((server) => {
      if (server === undefined) client.resetAndDestroy();
      else join(client, server);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');

  return {
    port: (listener.address() as AddressInfo).port,
    get connections() {
      return links.size;
    },
    cut(loss, names) {
      const cut = { loss, names };
      cuts.add(cut);
      for (const link of links) lose(link, cut);
      return () => {
        cuts.delete(cut);
        for (const link of links) {
          if (!link.silencedBy.delete(cut)) continue;
          links.delete(link);
          end(link);
        }
      };
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) end(link);
      listener.close();
      await once(listener, 'close');
    },
  };

  function join(client: Socket, server: Socket): void {
    const link: Link = { client, server, greeting: '', silencedBy: new Set() };
    links.add(link);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.once('close', () => {
        if (link.silencedBy.size > 0) return;
        links.delete(link);
        // What was said last still arrives.
        other.destroySoon();
      });
    }
    client.on('data', (bytes: Buffer) => {
      greet(link, bytes);
      pass(link, client, server, bytes);
    });
    server.on('data', (bytes: Buffer) => pass(link, server, client, bytes));
    for (const cut of cuts) lose(link, cut);
    client.resume();
  }

  function greet(link: Link, bytes: Buffer): void {
    if (link.greeting.length >= GREETING_CHARACTERS_MAX) return;
    link.greeting += bytes.toString('latin1').slice(0, GREETING_CHARACTERS_MAX);
    for (const cut of cuts) lose(link, cut);
  }
}

/** The first server that takes a connection, `undefined` if none does. */
async function connectOne(ports: readonly number[]): Promise<Socket | undefined> {
  for (const port of ports) {
    const server = connect({ host: '127.0.0.1', port });
    server.on('error', () => undefined);
    if (await isConnected(server)) return server;
  }
  return undefined;
}

function isConnected(server: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('connect', () => resolve(true)).once('close', () => resolve(false));
  });
}

/** Does to a connection what a cut says, if it is about this one. */
function lose(link: Link, cut: Cut): void {
  if (cut.names?.some((name) => link.greeting.includes(name)) === false) return;
  if (cut.loss === 'dropped') end(link);
  else link.silencedBy.add(cut);
}

/** What is said while nothing gets through is lost. */
function pass({ silencedBy }: Link, from: Socket, to: Socket, bytes: Buffer): void {
  if (silencedBy.size > 0 || to.destroyed || to.write(bytes)) return;
  from.pause();
  to.once('drain', () => from.resume());
}

function end({ client, server }: Link): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
