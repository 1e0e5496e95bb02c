import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CannotStart, cannotStartMessage } from './cannot-start.ts';
import { isRunning } from './process-identity.ts';
import { readRunFile } from './run-file.ts';
import { readStartSettings, runFileIn } from './settings.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Runs a command against the plant that runs from this folder, with its addresses in the environment (`NATS_URL`,
 * `MONGODB_URI`, `MQTT_URL`, `API_URL`, `DATA_DIR`).
 * @returns the command's exit code
 * @throws CannotStart when no plant runs
 */
async function withPlant(script: string | undefined, args: string[]): Promise<number> {
  if (script === undefined || !existsSync(join(root, script)))
    throw new CannotStart(`There is no ${script}: see make help.`);
  const { dataFolder } = readStartSettings(process.env, root);
  const run = readRunFile(runFileIn(dataFolder));
  if (run === null || !run.isReady || !isRunning(run.starter))
    throw new CannotStart(
      'Stratum does not run from this folder: start it with make run in another terminal, and try again.',
    );
  const addresses = {
    NATS_URL: run.urls.nats,
    MONGODB_URI: run.urls.mongodb,
    MQTT_URL: run.urls.mqtt,
    API_URL: run.urls.web,
    DATA_DIR: dataFolder,
  };
  const child = spawn(process.execPath, [join(root, script), ...args], {
    stdio: 'inherit',
    env: { ...process.env, ...addresses },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void child.kill('SIGTERM'));
  const [exitCode] = await once(child, 'exit');
  return typeof exitCode === 'number' ? exitCode : 1;
}

try {
  const [script, ...args] = process.argv.slice(2);
  process.exitCode = await withPlant(script, args);
} catch (error) {
  process.stderr.write(cannotStartMessage(error));
  process.exitCode = 1;
}
