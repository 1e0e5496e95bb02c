import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { startNats, type TestNats } from '../testing/nats.ts';
import { startNatsCluster, type TestNatsCluster } from '../testing/nats-cluster.ts';
import { waitFor } from '../testing/waitFor.ts';
import { connectNats } from './connection.ts';
import type { Logger } from './logger.ts';
import { ensureStreams } from './streams.ts';

const ASK_MS_MAX = 500;
const FORM_MS_MAX = 30_000;

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

/** Three real servers that keep each stream three times, and a connection to one of them; disposing closes all. */
export async function plantCluster(): Promise<{ cluster: TestNatsCluster; nc: NatsConnection } & AsyncDisposable> {
  const cluster = await startNatsCluster();
  const nc = await connectNats(cluster.url, { name: 'test' });
  const manager = await jetstreamManager(nc, { timeout: ASK_MS_MAX, checkAPI: false });
  // Until the servers have found each other they do not answer, or refuse for reasons that pass.
  const hasLeader = () => manager.getAccountInfo().catch(() => undefined);
  await waitFor(hasLeader, { what: 'three servers to choose a leader', msMax: FORM_MS_MAX });
  const isPlaced = async () => {
    await ensureStreams(nc, { STREAM_REPLICAS: '3' });
    const { cluster: place } = await manager.streams.info('PLANT');
    return place?.leader !== undefined && place.replicas?.every(({ current }) => current);
  };
  const what = 'the streams to be on three servers';
  await waitFor(() => isPlaced().catch(() => false), { what, msMax: FORM_MS_MAX });
  return {
    cluster,
    nc,
    async [Symbol.asyncDispose]() {
      await nc.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}
