import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunFile, readRunFile } from '../local/run-file.ts';
import { runFileIn } from '../local/settings.ts';
import { waitFor } from './waitFor.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
/** From an empty data folder, with the parts already in the cache. */
const START_MS_MAX = 180_000;
/** The starter promises ten seconds. */
const STOP_MS_MAX = 15_000;

/** The plant's own servers, whatever this process was told to use. With its parent named, it ends when this process does. */
const ALONE = { NATS_URL: '', MONGODB_URI: '', MQTT_URL: '' };

export type PlantOptions = {
  /** A data folder that stays; a temporary one, deleted at the end, without it. */
  dataFolder?: string;
  /** More environment for the starter: `SPEED`, `DEMO_PASSWORD`, … */
  environment?: Record<string, string>;
};

/** A whole plant on free ports, started as `make run` starts it. Disposing stops it. */
export interface TestPlant extends AsyncDisposable {
  dataFolder: string;
  /** Addresses of web, mqtt, nats and mongodb. */
  urls: { web: string; mqtt: string; nats: string; mongodb: string };
  /** Of all demo accounts. */
  password: string;
  /** What runs, by name, with pids as they are now. */
  run(): RunFile;
  /** Pid of one part (`nats-server`, `api`, …) or of the `starter`. Throws when it does not run. */
  pidOf(name: string): number;
  /** Kills the starter with SIGKILL if it runs, waits until it is gone, and starts it again. Its children are its own to clean up. */
  killStarter(): Promise<void>;
}

/** Starts a plant and waits until its starter says that all is up. */
export async function startPlant(options: PlantOptions = {}): Promise<TestPlant> {
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'stratum-plant-')));
  let ports = { PORT: '0', MQTT_PORT: '0' };
  let starter = await launch(dataFolder, { ...ports, ...options.environment });
  const first = readyRun(dataFolder);
  const urls = urlsOf(first);
  // The same addresses after a restart, as a person's would be.
  ports = { PORT: new URL(urls.web).port, MQTT_PORT: new URL(urls.mqtt).port };
  return {
    dataFolder,
    urls,
    password: options.environment?.DEMO_PASSWORD ?? (await readFile(join(dataFolder, 'demo-password'), 'utf8')).trim(),
    run: () => readyRun(dataFolder),
    pidOf(name) {
      const run = readyRun(dataFolder);
      const pid = name === 'starter' ? run.starter.pid : run.children.find((child) => child.name === name)?.pid;
      if (pid === undefined) throw new Error(`${name} does not run`);
      return pid;
    },
    async killStarter() {
      if (starter.exitCode === null && starter.signalCode === null) {
        const gone = once(starter, 'exit');
        starter.kill('SIGKILL');
        await gone;
      }
      starter = await launch(dataFolder, { ...ports, ...options.environment });
      Object.assign(urls, urlsOf(readyRun(dataFolder)));
    },
    async [Symbol.asyncDispose]() {
      if (starter.exitCode === null && starter.signalCode === null) {
        const gone = once(starter, 'exit');
        starter.kill('SIGTERM');
        const late = setTimeout(() => starter.kill('SIGKILL'), STOP_MS_MAX);
        await gone;
        clearTimeout(late);
      }
      if (options.dataFolder === undefined) await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

async function launch(dataFolder: string, environment: Record<string, string>): Promise<ChildProcess> {
  const starter = spawn(process.execPath, [join(root, 'infra/local/start.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...ALONE, DATA_DIR: dataFolder, STRATUM_PARENT: String(process.pid), ...environment },
  });
  const log = createWriteStream(join(dataFolder, 'starter.log'), { flags: 'a' });
  starter.stdout?.pipe(log);
  starter.stderr?.pipe(log);
  await waitFor(
    () => {
      if (starter.exitCode !== null) throw new Error(`the starter ended with ${starter.exitCode}: see ${log.path}`);
      const run = readRunFile(runFileIn(dataFolder));
      return run?.isReady && run.starter.pid === starter.pid;
    },
    { what: 'the plant to be up', msMax: START_MS_MAX, pollMs: 200 },
  );
  return starter;
}

function readyRun(dataFolder: string): RunFile {
  const run = readRunFile(runFileIn(dataFolder));
  if (run === null) throw new Error(`no plant runs in ${dataFolder}`);
  return run;
}

function urlsOf({ urls }: RunFile): TestPlant['urls'] {
  const { web, mqtt, nats, mongodb } = urls;
  if (web === undefined || mqtt === undefined || nats === undefined || mongodb === undefined) {
    throw new Error('the run file has not all addresses');
  }
  return { web, mqtt, nats, mongodb };
}
