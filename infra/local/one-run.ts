import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from './cannot-start.ts';
import { decideLeftover, endOrphans } from './orphans.ts';
import { markOf } from './process-identity.ts';
import { say } from './progress.ts';
import { claimRunFile, type RunFile, readRunFile, removeRunFile, writeRunFile } from './run-file.ts';
import { DATA_MARK, runFileIn } from './settings.ts';
import { type Supervisor, supervise } from './supervisor.ts';

/** The one run of a data folder, while it lasts. */
export interface OneRun {
  supervisor: Supervisor;
  /** Says in the run file that all is up, and where. */
  announce: (urls: RunFile['urls']) => void;
}

/**
 * Makes this process the only starter of a data folder while `work` lasts. Children are recorded in the folder's run
 * file as they come and go; what an earlier starter left running when it was killed is ended first; at the end, or when
 * `work` fails, every child is stopped and the run file is deleted.
 * @throws CannotStart when another starter runs from this folder
 */
export async function oneRun(dataFolder: string, work: (run: OneRun) => Promise<void>): Promise<void> {
  mkdirSync(dataFolder, { recursive: true });
  writeFileSync(join(dataFolder, DATA_MARK), 'Data of Stratum. `make reset` deletes this folder.\n');
  const runFile = runFileIn(dataFolder);
  let run = await claim(runFile);
  const change = (part: Partial<RunFile>) => {
    run = { ...run, ...part };
    writeRunFile(runFile, run);
  };
  const supervisor = supervise({
    logFolder: join(dataFolder, 'logs'),
    onEvent: say,
    onChange: (children) => change({ children }),
  });
  try {
    await work({ supervisor, announce: (urls) => change({ urls, isReady: true }) });
  } finally {
    await supervisor.stop();
    removeRunFile(runFile);
  }
}

async function claim(runFile: string): Promise<RunFile> {
  const starter = markOf(process.pid);
  if (starter === null) throw new Error('this process has no mark');
  const startedAt = new Date().toISOString();
  const run: RunFile = { version: 1, starter, startedAt, isReady: false, urls: {}, children: [] };
  if (claimRunFile(runFile, run)) return run;
  const earlier = readRunFile(runFile);
  if (earlier !== null) {
    const leftover = decideLeftover(earlier);
    if (leftover.status === 'running')
      throw new CannotStart(
        `Stratum already runs from this folder (process ${leftover.starter.pid}): use it, or stop it with kill ${leftover.starter.pid}.`,
      );
    const ended = await endOrphans(leftover.orphans);
    if (ended.length > 0) say(`the last start was killed; ended what it left running: ${ended.join(', ')}`);
  }
  removeRunFile(runFile);
  return claim(runFile);
}
