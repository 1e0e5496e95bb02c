import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natsConfig } from '../local/nats-config.ts';
import { natsServer } from '../local/parts/nats-server.ts';
import { freePorts } from '../local/ports.ts';
import { markOf } from '../local/process-identity.ts';
import { recordServers, TEST_FOLDER_PREFIX } from './abandoned.ts';
import { waitFor } from './waitFor.ts';

const START_MS_MAX = 15_000;
const STOP_MS_MAX = 5_000;
const CONFIG_FILE = 'nats.conf';

/** A real nats-server with JetStream on ports of its own, in a temporary folder. Disposing ends it and deletes the folder. */
export interface TestNats extends AsyncDisposable {
  /** `nats://127.0.0.1:<port>` */
  url: string;
  port: number;
  /** `mqtt://127.0.0.1:<port>`; only listened on when asked for with `mqtt: true`. */
  mqttUrl: string;
  /** What JetStream keeps; to be copied or replaced while the server is killed. */
  storeFolder: string;
  /** The pid of the running server; another one after `restart`. */
  readonly pid: number;
  /** Kills the server with SIGKILL and waits until it is gone; its files stay. */
  kill(): Promise<void>;
  /** Starts it again on the same ports with the same files; ends it in order first if it still runs. */
  restart(): Promise<void>;
  /** Halts the process where it is (SIGSTOP): connections stay open and nothing is answered. */
  freeze(): void;
  /** Lets a halted process go on. */
  thaw(): void;
}

export interface TestNatsOptions {
  /** Listen for MQTT clients too. */
  mqtt?: boolean;
  /** After this long a subscriber's unacknowledged QoS 1 message is sent again; 30 if left out. */
  mqttAckWaitSeconds?: number;
  /** `test` if left out. */
  serverName?: string;
  /** Lines added to the configuration. */
  more?: string;
  /** As `make run` has it, once a second, if left out. */
  syncInterval?: '1s' | 'always';
}

const alive = new Set<ChildProcess>();
process.once('exit', () => alive.forEach((server) => void server.kill('SIGKILL')));

/** Starts a nats-server and waits until it takes clients. */
export async function startNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const binary = await natsServer();
  const folder = await mkdtemp(join(tmpdir(), `${TEST_FOLDER_PREFIX}nats-`));
  const ports = await freePorts('port', 'mqttPort');
  const storeFolder = join(folder, 'jetstream');
  await mkdir(storeFolder);
  const { mqtt = false, mqttAckWaitSeconds, serverName = 'test', more = '', syncInterval = '1s' } = options;
  const mqttPort = mqtt ? { mqttPort: ports.mqttPort } : {};
  const ackWait = mqttAckWaitSeconds === undefined ? {} : { mqttAckWaitSeconds };
  await writeFile(
    join(folder, CONFIG_FILE),
    natsConfig({ serverName, port: ports.port, storeFolder, syncInterval, ...mqttPort, ...ackWait }) + more,
  );
  let server = await launch(binary, folder, 'first.log');
  let restarts = 0;
  return {
    url: `nats://127.0.0.1:${ports.port}`,
    port: ports.port,
    mqttUrl: `mqtt://127.0.0.1:${ports.mqttPort}`,
    storeFolder,
    get pid() {
      return server.pid ?? 0;
    },
    kill: () => end(server, 'SIGKILL'),
    async restart() {
      await end(server, 'SIGTERM');
      restarts += 1;
      server = await launch(binary, folder, `restart-${restarts}.log`);
    },
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await end(server, 'SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(binary: string, folder: string, logName: string): Promise<ChildProcess> {
  const logFile = join(folder, logName);
  const log = openSync(logFile, 'a');
  const args = ['-c', join(folder, CONFIG_FILE)];
  const server = spawn(binary, args, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const mark = server.pid === undefined ? null : markOf(server.pid);
  recordServers(folder, mark === null ? [] : [{ ...mark, name: 'nats-server', stopSignal: 'SIGKILL' }]);
  alive.add(server);
  server.once('exit', () => alive.delete(server));
  await waitFor(
    async () => {
      if (server.exitCode !== null) throw new Error(`nats-server ended: ${await readFile(logFile, 'utf8')}`);
      return (await readFile(logFile, 'utf8')).includes('Server is ready');
    },
    { what: 'nats-server to be ready', msMax: START_MS_MAX },
  );
  return server;
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill(signal);
  // One that is halted hears nothing until it goes on.
  server.kill('SIGCONT');
  const timer = setTimeout(() => server.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}
