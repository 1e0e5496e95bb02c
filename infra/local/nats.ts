import { mkdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChildSpec } from './child.ts';
import { natsConfig } from './nats-config.ts';
import type { Supervisor } from './supervisor.ts';

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 1_500;
/** The log is stopped last: everything else writes to it until it ends. */
const TIER_LOG = 0;
/**
 * A stream that once found no room takes nothing more, room or not, until the server is started anew; a server of a cluster
 * even puts all of JetStream away.
 */
const NO_ROOM = /no space left on device/;
/** With less room than this a new start would soon be where it was. */
const ROOM_BYTES_MIN = 16 * 1024 * 1024;

export interface NatsPlace {
  /** What the server and the child are called; `nats` if left out. */
  name?: string;
  /** Holds the configuration, and the log's files in `jetstream`. */
  folder: string;
  /** Of NATS, on 127.0.0.1. */
  port: number;
  /** With a port, the server is the MQTT broker too. */
  mqttPort?: number;
  /** With others it is a cluster: its own port for them, and the ports of all. */
  cluster?: { port: number; routePorts: readonly number[] };
}

/**
 * Starts a nats-server with JetStream as a child of the supervisor, waits until it is ready, and answers its URL. When its
 * disk was full and has room again, it is started anew, because it does not recover from that alone.
 */
export async function startNats(supervisor: Supervisor, binary: string, place: NatsPlace): Promise<string> {
  const { name = 'nats', folder, ...listening } = place;
  const storeFolder = join(folder, 'jetstream');
  await mkdir(storeFolder, { recursive: true });
  const configFile = join(folder, 'nats.conf');
  await writeFile(configFile, natsConfig({ serverName: name, storeFolder, ...listening }));
  const child: ChildSpec = {
    name,
    command: binary,
    args: ['-c', configFile],
    environment: {},
    folder,
    ready: /Server is ready/,
    readyMsMax: READY_MS_MAX,
    needsRestart: async (output) => NO_ROOM.test(output) && (await freeBytes(storeFolder)) >= ROOM_BYTES_MIN,
    stopSignal: 'SIGTERM',
    stopMsMax: STOP_MS_MAX,
    tier: TIER_LOG,
  };
  await supervisor.start(child);
  return `nats://127.0.0.1:${place.port}`;
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
