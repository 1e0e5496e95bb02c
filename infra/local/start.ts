import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cannotStartMessage } from './cannot-start.ts';
import { oneRun } from './one-run.ts';
import { type RunningPlant, startPlant } from './plant.ts';
import { formatSeconds, say } from './progress.ts';
import { readStartSettings } from './settings.ts';
import { stopRequested } from './stop-requested.ts';

const ACCOUNTS = ['user', 'erp', 'mes', 'floor1', 'operator', 'auditor', 'admin'];
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** `make run` and `make dev`: starts the plant, says where it is, and stops it in order when asked to. */
async function main(isDev: boolean): Promise<void> {
  const startedAt = performance.now();
  const stop = stopRequested();
  const settings = readStartSettings(process.env, root);
  await oneRun(settings.dataFolder, async ({ supervisor, announce }) => {
    const starting = startPlant(settings, { root, isDev, supervisor });
    // When the stop comes first, what is still starting fails as its supervisor stops.
    starting.catch(() => undefined);
    const plant = await Promise.race([starting, stop.then(() => null)]);
    if (plant !== null) {
      announce(plant.urls);
      process.stdout.write(closingBlock(plant, settings.dataFolder, performance.now() - startedAt));
      await stop;
    }
    say('stopping …');
  });
  say('stopped');
}

function closingBlock(plant: RunningPlant, dataFolder: string, durationMs: number): string {
  const web = plant.urls.web.replace('127.0.0.1', 'localhost');
  const lines = [
    `Stratum runs (started in ${formatSeconds(durationMs)})`,
    '',
    `  Pages     ${plant.devUrl ?? web}`,
    `  API       ${web}/api/docs`,
    `  MQTT      ${plant.urls.mqtt}`,
    `  NATS      ${plant.urls.nats}`,
    `  Accounts  ${ACCOUNTS.map((name) => `${name}@stratum.local`).join('  ')}`,
    `  Password  ${plant.demoPassword}  (for all of them)`,
    '',
    `  Ctrl-C stops it. Data and logs stay in ${relative(root, dataFolder)}; make reset forgets them.`,
  ];
  return `\n${lines.join('\n')}\n\n`;
}

try {
  await main(process.argv.includes('--dev'));
  process.exit(0);
} catch (error) {
  process.stderr.write(cannotStartMessage(error));
  // Whatever a failed start was still fetching ends with it.
  process.exit(1);
}
