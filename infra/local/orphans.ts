import { setTimeout as wait } from 'node:timers/promises';
import type { ChildRecord } from './child.ts';
import { isRunning, type ProcessMark } from './process-identity.ts';
import type { RunFile } from './run-file.ts';

const STOP_MS_MAX = 3_000;
const KILLED_MS_MAX = 3_000;
const POLL_MS = 50;

/** What a new start finds of an earlier one. */
export type Leftover =
  /** The earlier starter still runs: two may not share a folder. */
  | { status: 'running'; starter: ProcessMark }
  /** The starter is gone; these of its children still run. */
  | { status: 'abandoned'; orphans: ChildRecord[] };

/**
 * Decides what is left of an earlier run. A recorded process counts only while it is the very one that was recorded: a
 * pid that was handed to another program since is nobody's orphan.
 */
export function decideLeftover(run: RunFile, runs: (mark: ProcessMark) => boolean = isRunning): Leftover {
  if (runs(run.starter)) return { status: 'running', starter: run.starter };
  return { status: 'abandoned', orphans: run.children.filter(runs) };
}

/**
 * Ends orphans: each gets its stop signal, what is still there after 3 seconds is killed.
 * @returns the names of those that ended
 * @throws Error when one survives even that
 */
export async function endOrphans(orphans: ChildRecord[]): Promise<string[]> {
  for (const orphan of orphans) signal(orphan, orphan.stopSignal);
  await untilGone(orphans, STOP_MS_MAX);
  for (const orphan of orphans) signal(orphan, 'SIGKILL');
  await untilGone(orphans, KILLED_MS_MAX);
  const survivors = orphans.filter(isRunning);
  if (survivors.length > 0)
    throw new Error(`could not end ${survivors.map(({ name, pid }) => `${name} (${pid})`).join(', ')}`);
  return orphans.map((orphan) => orphan.name);
}

function signal(orphan: ChildRecord, name: NodeJS.Signals): void {
  if (!isRunning(orphan)) return;
  try {
    // Its whole group: each child was started as the leader of one.
    process.kill(-orphan.pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function untilGone(orphans: ChildRecord[], msMax: number): Promise<void> {
  const deadline = Date.now() + msMax;
  while (orphans.some(isRunning) && Date.now() < deadline) await wait(POLL_MS);
}
