import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildSpec } from '../local/child.ts';
import { supervise } from '../local/supervisor.ts';
import type { Networks } from './site.ts';

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 5_000;

/** Programs of which two may run at once. */
export type Copied = 'worker' | 'projections';

const scripts: Record<Copied, string> = {
  worker: fileURLToPath(new URL('../../services/worker/main.ts', import.meta.url)),
  projections: fileURLToPath(new URL('../../projections/main.ts', import.meta.url)),
};

/** A process beside the plant's own that does the same work at the same time. It is started again when it ends. */
export type SecondProcess = AsyncDisposable & {
  /** `second worker`, `second projections`. */
  name: string;
  networks: Networks;
  pid(): number | undefined;
  /** Ends it for good. */
  stop(): Promise<void>;
};

/** Starts a second process of a program and waits until it is ready. */
export async function startSecond(
  copied: Copied,
  options: { dataFolder: string; networks: Networks; environment: Record<string, string> },
): Promise<SecondProcess> {
  const { dataFolder, networks, environment } = options;
  const supervisor = supervise({ logFolder: join(dataFolder, 'logs') });
  const spec: ChildSpec = {
    name: `second-${copied}`,
    command: process.execPath,
    args: [scripts[copied]],
    environment,
    folder: dataFolder,
    ready: /"ready":\s*true/,
    readyMsMax: READY_MS_MAX,
    stopSignal: 'SIGTERM',
    stopMsMax: STOP_MS_MAX,
    tier: 0,
  };
  await supervisor.start(spec);
  return {
    name: `second ${copied}`,
    networks,
    pid: () => supervisor.running()[0]?.pid,
    stop: () => supervisor.stop(),
    [Symbol.asyncDispose]: () => supervisor.stop(),
  };
}
