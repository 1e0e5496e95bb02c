import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CannotStart, cannotStartMessage } from './cannot-start.ts';
import { decideLeftover, endOrphans } from './orphans.ts';
import { say } from './progress.ts';
import { readRunFile } from './run-file.ts';
import { DATA_MARK, readStartSettings, runFileIn } from './settings.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * `make reset`: forgets all data of this clone.
 * @throws CannotStart while the plant runs, or when DATA_DIR names a folder that is not one of Stratum's
 */
async function reset(): Promise<void> {
  const { dataFolder } = readStartSettings(process.env, root);
  if (!existsSync(dataFolder)) return say('there is no data to forget');
  if (dataFolder !== join(root, '.data') && !existsSync(join(dataFolder, DATA_MARK)))
    throw new CannotStart(`${dataFolder} was not made by Stratum: look at what is in it, and delete it yourself.`);
  const run = readRunFile(runFileIn(dataFolder));
  const leftover = run === null ? null : decideLeftover(run);
  if (leftover?.status === 'running')
    throw new CannotStart(`Stratum runs from this folder: stop it first (Ctrl-C, or kill ${leftover.starter.pid}).`);
  if (leftover !== null) await endOrphans(leftover.orphans);
  rmSync(dataFolder, { recursive: true, force: true });
  say('all data forgotten');
}

try {
  await reset();
} catch (error) {
  process.stderr.write(cannotStartMessage(error));
  process.exitCode = 1;
}
