import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What a client says first names it: in the first bytes of NATS, MQTT and MongoDB alike. */
const GREETING_BYTES_MAX = 2_048;

/** How a connection is lost: `dropped` ends it and refuses new ones; `silent` lets it stand, and nothing gets through. */
export type Loss = 'dropped' | 'silent';

/** A network between the clients of one server and the server, which can be cut for all of them or for some. */
export type Network = AsyncDisposable & {
  /** Where clients find the server, on 127.0.0.1. */
  port: number;
  /** Cuts the connections, open and to come, of clients whose greeting has one of the names in it; without names, all. */
  cut(loss: Loss, names?: readonly string[]): void;
  /** Ends every cut. What was silent is dropped, as it would be by a network that has forgotten it. */
  heal(): void;
};

type Cut = { loss: Loss; names: readonly string[] | undefined };
type Link = { client: Socket; server: Socket; greeting: string; isSilent: boolean };

/** Lays a network before a server. Disposing ends its connections. */
export async function layNetwork(serverPort: number): Promise<Network> {
  const links = new Set<Link>();
  let cuts: Cut[] = [];

  const listener = createServer((client) => {
    const server = connect({ host: '127.0.0.1', port: serverPort });
    const link: Link = { client, server, greeting: '', isSilent: false };
    links.add(link);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // An error is followed by `close`, which says all there is to know.
      socket.on('error', () => undefined);
      socket.once('close', () => {
        if (!link.isSilent) end(link);
        links.delete(link);
      });
    }
    lose(link);
    client.on('data', (bytes: Buffer) => {
      if (link.greeting.length < GREETING_BYTES_MAX) {
        link.greeting += bytes.toString('latin1', 0, GREETING_BYTES_MAX);
        lose(link);
      }
      pass(link, client, server, bytes);
    });
    server.on('data', (bytes: Buffer) => pass(link, server, client, bytes));
    client.once('end', () => server.end());
    server.once('end', () => client.end());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');

  return {
    port: (listener.address() as AddressInfo).port,
    cut(loss, names) {
      cuts.push({ loss, names });
      for (const link of links) lose(link);
    },
    heal() {
      cuts = [];
      for (const link of links) if (link.isSilent) end(link);
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) end(link);
      listener.close();
      await once(listener, 'close');
    },
  };

  /** Does to a connection what the cuts say. */
  function lose(link: Link): void {
    for (const { loss, names } of cuts) {
      if (names !== undefined && !names.some((name) => link.greeting.includes(name))) continue;
      if (loss === 'dropped') end(link);
      else link.isSilent = true;
    }
  }
}

/** What comes while nothing gets through is lost; the connection is ended when the network is whole again. */
function pass({ isSilent }: Link, from: Socket, to: Socket, bytes: Buffer): void {
  if (isSilent || to.destroyed || to.write(bytes)) return;
  from.pause();
  to.once('drain', () => from.resume());
}

function end({ client, server }: Link): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
