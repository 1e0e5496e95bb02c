import { connect, createServer } from 'node:net';
import { CannotStart } from './cannot-start.ts';

const HOST = '127.0.0.1';
const ANSWER_MS_MAX = 3_000;

/**
 * Free TCP ports on this machine, all different. Another program may still take one before it is used; the chance is
 * small, as the system hands out ports at random.
 */
export async function freePorts<Name extends string>(...names: Name[]): Promise<Record<Name, number>> {
  const servers = await Promise.all(names.map(() => listen(0, HOST)));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
    return address.port;
  });
  await Promise.all(servers.map(close));
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<Name, number>;
}

/**
 * Makes sure a port that people know can be had, before anything is started.
 * @param variable the environment variable that chooses it, for the message
 */
export async function requireFree(port: number, variable: string): Promise<void> {
  for (const host of [HOST, '::', '0.0.0.0']) {
    try {
      await close(await listen(port, host));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EADDRINUSE')
        throw new CannotStart(
          `Port ${port} is taken by another program: stop it, or choose another port, e.g. make run ${variable}=${port + 1}.`,
        );
      if (code === 'EACCES')
        throw new CannotStart(
          `Port ${port} is reserved for the system: choose one above 1023, e.g. make run ${variable}=${port + 8000}.`,
        );
      // A machine without IPv6 cannot listen on "::", which is no fault of the port.
      if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    }
  }
}

/**
 * A port from the environment: `fallback` when unset, 0 for "any free one".
 * @throws CannotStart when it is no port number
 */
export function parsePort(text: string | undefined, variable: string, fallback: number): number {
  if (text === undefined || text === '') return fallback;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new CannotStart(`${variable} must be a port number (0 to 65535), not "${text}".`);
}

/** True when something listens where a URL points to (its port must be in it). */
export function answersTcp(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), timeout: ANSWER_MS_MAX });
    const done = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket
      .once('connect', () => done(true))
      .once('error', () => done(false))
      .once('timeout', () => done(false));
  });
}

function listen(port: number, host: string): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

function close(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
