import type { NatsConnection } from '@nats-io/transport-node';
import { startNats, type TestNats } from '../testing/nats.ts';
import { connectNats } from './connection.ts';
import type { Logger } from './logger.ts';
import { ensureStreams } from './streams.ts';

/** A logger that keeps what it is told, in words. */
export function listeningLogger(): Logger & { lines: string[] } {
  const lines: string[] = [];
  const log = (_fields: object, message: string) => void lines.push(message);
  return { lines, info: log, warn: log, error: log };
}

/** A real server with its streams, and a connection to it; disposing closes both. */
export async function plantServer(): Promise<{ server: TestNats; nc: NatsConnection } & AsyncDisposable> {
  const server = await startNats();
  const nc = await connectNats(server.url, { name: 'test' });
  await ensureStreams(nc);
  return {
    server,
    nc,
    async [Symbol.asyncDispose]() {
      await nc.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
