import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildRecord } from '../local/child.ts';
import { decideLeftover, endOrphans } from '../local/orphans.ts';
import { markOf } from '../local/process-identity.ts';
import { type RunFile, readRunFile, writeRunFile } from '../local/run-file.ts';

/** Temporary folders of test servers begin so; each holds a run file that says whose they are. */
export const TEST_FOLDER_PREFIX = 'stratum-test-';
const RUN_FILE = 'run.json';

/** Records which servers this process runs from a temporary folder, for the next run in case this one is killed. */
export function recordServers(folder: string, children: ChildRecord[]): void {
  const starter = markOf(process.pid);
  if (starter === null) throw new Error('this process has no mark');
  const run: RunFile = { version: 1, starter, startedAt: new Date().toISOString(), isReady: true, urls: {}, children };
  writeRunFile(join(folder, RUN_FILE), run);
}

/** Ends the servers of earlier test runs that were killed, and deletes their folders. Nobody else's are touched. */
export async function removeAbandonedServers(): Promise<void> {
  const names = await readdir(tmpdir());
  for (const name of names.filter((each) => each.startsWith(TEST_FOLDER_PREFIX))) {
    const folder = join(tmpdir(), name);
    const run = readRunFile(join(folder, RUN_FILE));
    const leftover = run === null ? null : decideLeftover(run);
    if (leftover?.status !== 'abandoned') continue;
    await endOrphans(leftover.orphans);
    await rm(folder, { recursive: true, force: true });
  }
}
