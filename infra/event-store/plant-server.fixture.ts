import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { parseProcStat } from '../local/process-identity.ts';
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

/** A connection to the server that decides about a stream, and the others, which only keep copies of it, to be halted. */
export async function deciderOf({ cluster, nc }: Awaited<ReturnType<typeof plantCluster>>, stream: string) {
  const { cluster: place } = await (await jetstreamManager(nc)).streams.info(stream);
  const servers = Object.entries(cluster.servers);
  const decider = servers.find(([name]) => name === place?.leader)?.[1];
  if (decider === undefined) throw new Error(`${stream} has no leader`);
  const others = servers.flatMap(([, server]) => (server === decider ? [] : [server]));
  const own = await connectNats(decider.url, { name: 'decider' });
  const letOthersGoOn = () => others.forEach((server) => void server.thaw());
  return {
    nc: own,
    /** From then on nothing that is written to the stream is decided. */
    async haltOthers() {
      for (const server of others) server.freeze();
      await waitFor(() => others.every(({ pid }) => isHalted(pid)), { what: 'two servers to stand still' });
    },
    letOthersGoOn,
    async [Symbol.asyncDispose]() {
      letOthersGoOn();
      await own.close();
    },
  };
}

/** Whether no thread of a process runs any more: the system halts them one by one. */
function isHalted(pid: number): boolean {
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' }).startsWith('T');
  }
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((id) => parseProcStat(readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8'))?.state === 'T');
}
