import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunFile, readRunFile } from '../local/run-file.ts';
import { runFileIn } from '../local/settings.ts';
import { waitFor } from './waitFor.ts';

/** A first start fetches its parts, builds the pages and back-fills a day of readings. */
const START_MS_MAX = 240_000;
const STOP_MS_MAX = 15_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** The whole plant, started as `make run` starts it, on ports of its own and in a folder of its own. */
export interface TestPlant extends AsyncDisposable {
  urls: { web: string; mqtt: string; nats: string; mongodb: string };
  /** Of every demo account. */
  demoPassword: string;
  dataFolder: string;
  /** The starter's pid, e.g. to kill it. */
  readonly starterPid: number;
  /** What runs right now, by name, with pids; changes as children crash and come back. */
  children: () => RunFile['children'];
  /** Everything the starter printed so far. */
  output: () => string;
  /** Starts the starter again with the same data, after it was killed or stopped. Ports other than web and MQTT change. */
  restart: () => Promise<void>;
}

export interface TestPlantOptions {
  /** How many times faster the simulated plant ages; 1 if left out. */
  speed?: number;
  /** The password of the demo accounts. */
  demoPassword?: string;
  /** Where the data is; a temporary folder, deleted at the end, if left out. */
  dataFolder?: string;
}

/** Starts a plant and waits until all of it is ready. Disposing stops it, as SIGTERM does. */
export async function startTestPlant(options: TestPlantOptions = {}): Promise<TestPlant> {
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'stratum-test-plant-')));
  const demoPassword = options.demoPassword ?? 'plant-of-a-test';
  const environment = {
    DATA_DIR: dataFolder,
    PORT: '0',
    MQTT_PORT: '0',
    SPEED: String(options.speed ?? 1),
    DEMO_PASSWORD: demoPassword,
    // The plant's own servers, whatever this process was given.
    NATS_URL: '',
    MONGODB_URI: '',
    MQTT_URL: '',
  };
  let starter = launch(environment);
  const urls = await untilReady(starter, dataFolder);
  return {
    urls,
    demoPassword,
    dataFolder,
    get starterPid() {
      return starter.process.pid ?? 0;
    },
    children: () => readRunFile(runFileIn(dataFolder))?.children ?? [],
    output: () => starter.output(),
    async restart() {
      await stop(starter.process);
      starter = launch({ ...environment, PORT: new URL(urls.web).port, MQTT_PORT: new URL(urls.mqtt).port });
      Object.assign(urls, await untilReady(starter, dataFolder));
    },
    async [Symbol.asyncDispose]() {
      await stop(starter.process);
      if (options.dataFolder === undefined) await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

interface Starter {
  process: ChildProcess;
  output: () => string;
}

function launch(environment: Record<string, string>): Starter {
  // It ends when this process does, however that comes about.
  const env = { ...process.env, ...environment, STRATUM_PARENT: String(process.pid) };
  const args = [join(root, 'infra/local/start.ts')];
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  return { process: child, output: () => text };
}

async function untilReady(starter: Starter, dataFolder: string): Promise<TestPlant['urls']> {
  const isUp = () => {
    if (starter.process.exitCode !== null) throw new Error(`the plant did not start:\n${starter.output()}`);
    const run = readRunFile(runFileIn(dataFolder));
    return run?.isReady === true && run.starter.pid === starter.process.pid ? run.urls : null;
  };
  const { web, mqtt, nats, mongodb } = await waitFor(isUp, {
    what: 'the plant to be ready',
    msMax: START_MS_MAX,
    pollMs: 100,
  });
  if (web === undefined || mqtt === undefined || nats === undefined || mongodb === undefined)
    throw new Error('a plant that is ready has all its addresses');
  return { web, mqtt, nats, mongodb };
}

async function stop(starter: ChildProcess): Promise<void> {
  if (starter.exitCode !== null || starter.signalCode !== null) return;
  const exited = once(starter, 'exit');
  starter.kill('SIGTERM');
  const timer = setTimeout(() => starter.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(timer);
}
