import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildSpec } from '../local/child.ts';
import { type Supervisor, supervise } from '../local/supervisor.ts';
import type { TestPlant } from '../testing/plant.ts';

/** What a second worker is called among the victims. */
export const SECOND_WORKER = 'second worker';

const NAME = 'second-worker';
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 5_000;
const script = fileURLToPath(new URL('../../services/worker/main.ts', import.meta.url));

/** A worker beside the plant's own, which does the same work at the same time. It is started again when it is killed. */
export type SecondWorker = AsyncDisposable & {
  pid(): number | undefined;
  /** Begins anew at the plant's present addresses. */
  restart(): Promise<void>;
  /** Ends it. */
  stop(): Promise<void>;
};

/** Starts a second worker for a plant. */
export async function startSecondWorker(plant: TestPlant): Promise<SecondWorker> {
  let supervisor = await start(plant);
  return {
    pid: () => supervisor.running().find(({ name }) => name === NAME)?.pid,
    async restart() {
      await supervisor.stop();
      supervisor = await start(plant);
    },
    stop: () => supervisor.stop(),
    [Symbol.asyncDispose]: () => supervisor.stop(),
  };
}

async function start({ urls, dataFolder }: TestPlant): Promise<Supervisor> {
  const supervisor = supervise({ logFolder: join(dataFolder, 'logs') });
  const spec: ChildSpec = {
    name: NAME,
    command: process.execPath,
    args: [script],
    environment: { NATS_URL: urls.nats, MQTT_URL: urls.mqtt },
    folder: dataFolder,
    ready: /"ready":\s*true/,
    readyMsMax: READY_MS_MAX,
    stopSignal: 'SIGTERM',
    stopMsMax: STOP_MS_MAX,
    tier: 0,
  };
  await supervisor.start(spec);
  return supervisor;
}
