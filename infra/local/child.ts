import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { lastWords, openLog, readLog } from './log-file.ts';
import { markOf, type ProcessMark } from './process-identity.ts';

const READY_POLL_MS = 50;
const KILLED_MS_MAX = 2_000;

/** The signals that end a child in order, and the one that ends it in any case. */
export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGKILL';

/** A process to keep alive, as data. */
export interface ChildSpec {
  name: string;
  command: string;
  args: string[];
  /** Added to this process's environment. */
  environment: Record<string, string>;
  folder: string;
  /** A line in its log since it was started, or a condition that is polled. */
  ready: RegExp | (() => Promise<boolean>);
  readyMsMax: number;
  /** Asked every two seconds while it runs, with what it wrote to its log: true when only a new start helps it. */
  needsRestart?: (output: string) => Promise<boolean>;
  stopSignal: StopSignal;
  /** Killed when it has not ended this long after its stop signal. */
  stopMsMax: number;
  /** Children of the highest tier stop first, and all of a tier at once. */
  tier: number;
}

/** What is recorded of a running child, so that a later start can clean up after a starter that was killed. */
export interface ChildRecord extends ProcessMark {
  name: string;
  stopSignal: StopSignal;
}

/** One process of a child, from its launch to its end. */
export interface RunningChild {
  spec: ChildSpec;
  /** Null when it could not be launched at all. */
  record: ChildRecord | null;
  startedAtMs: number;
  logFile: string;
  /** Resolves when it has ended, with how: `exit code 1`, `SIGKILL`, or why it could not be launched. */
  ended: Promise<string>;
  hasEnded: () => boolean;
  /** What it wrote to its log so far. @throws Error of the file system, when somebody deleted the log */
  output: () => string;
  signal: (name: NodeJS.Signals) => void;
}

/**
 * Launches a child in a process group of its own, so that Ctrl-C in the terminal reaches the starter alone. It writes
 * to `<logFolder>/<name>.log` directly.
 */
export function launch(spec: ChildSpec, logFolder: string): RunningChild {
  const log = openLog(logFolder, spec.name);
  const child = spawn(spec.command, spec.args, {
    cwd: spec.folder,
    env: { ...process.env, ...spec.environment },
    stdio: ['ignore', log.descriptor, log.descriptor],
    detached: true,
  });
  closeSync(log.descriptor);
  const mark = child.pid === undefined ? null : markOf(child.pid);
  let hasEnded = false;
  const ended = howItEnds(child).then((how) => {
    hasEnded = true;
    // What it started itself and left behind goes with it.
    signalGroup(child.pid, 'SIGKILL');
    return how;
  });
  return {
    spec,
    record: mark === null ? null : { ...mark, name: spec.name, stopSignal: spec.stopSignal },
    startedAtMs: Date.now(),
    logFile: log.file,
    ended,
    hasEnded: () => hasEnded,
    output: () => readLog(log.file, log.bytes),
    signal: (name) => (name === 'SIGKILL' ? signalGroup(child.pid, name) : void child.kill(name)),
  };
}

/** Waits until a child is ready, has ended, is late (`readyMsMax`), or the wait is called off. */
export async function untilReady(
  child: RunningChild,
  stopping: AbortSignal,
): Promise<'ready' | 'ended' | 'late' | 'stopped'> {
  const deadline = Date.now() + child.spec.readyMsMax;
  while (Date.now() < deadline) {
    if (stopping.aborted) return 'stopped';
    if (child.hasEnded()) return 'ended';
    if (await isReady(child)) return 'ready';
    await wait(READY_POLL_MS);
  }
  return 'late';
}

/**
 * Ends a child: its stop signal first, SIGKILL when it has not ended after `stopMsMax`.
 * @returns false when it had to be killed
 */
export async function end(child: RunningChild): Promise<boolean> {
  if (child.hasEnded()) return true;
  child.signal(child.spec.stopSignal);
  if (await settlesWithin(child.ended, child.spec.stopMsMax)) return true;
  child.signal('SIGKILL');
  await settlesWithin(child.ended, KILLED_MS_MAX);
  return false;
}

/** The end of what a child said, for an error message. */
export function lastWordsOf(child: RunningChild): string {
  return lastWords(outputOrNothing(child)) || 'it says nothing';
}

/** A log that is gone says nothing: its child is late then, and is started with a new one. */
function outputOrNothing(child: RunningChild): string {
  try {
    return child.output();
  } catch {
    return '';
  }
}

function howItEnds(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Nothing is left of the group, or (macOS) only a zombie.
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

function isReady(child: RunningChild): Promise<boolean> {
  const { ready } = child.spec;
  return typeof ready === 'function' ? ready() : Promise.resolve(ready.test(outputOrNothing(child)));
}

async function settlesWithin(promise: Promise<unknown>, msMax: number): Promise<boolean> {
  const timer = new AbortController();
  const late = wait(msMax, false, { signal: timer.signal }).catch(() => false);
  const isSettled = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return isSettled;
}
