import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { CannotStart } from './cannot-start.ts';
import { lastWords, limitLog, openLog, readLog } from './log-file.ts';
import { markOf, type ProcessMark } from './process-identity.ts';

const READY_POLL_MS = 50;
const LOG_CHECK_MS = 10_000;
const KILLED_MS_MAX = 2_000;
/** A child that never became ready is tried this often before the start as a whole fails. */
const FIRST_TRIES_MAX = 3;
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 15_000;
/** A child that ran this long is healthy again: its next crash counts as the first. */
const HEALTHY_AFTER_MS = 60_000;

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

export interface Supervisor {
  /** Starts a child and waits until it is ready. @throws CannotStart with its last words if that does not come about */
  start(spec: ChildSpec): Promise<void>;
  /** Stops a child as at the end and starts it again; the others run on. */
  restart(name: string): Promise<void>;
  /** Stops every child, tier by tier; none is left when it resolves. */
  stop(): Promise<void>;
  running(): ChildRecord[];
}

export interface SuperviseOptions {
  logFolder: string;
  /** Called at once whenever the set of running processes changed. */
  onChange?: (running: ChildRecord[]) => void;
  /** Called with a sentence about a crash, a restart, or a kill. */
  onEvent?: (sentence: string) => void;
}

interface Child {
  spec: ChildSpec;
  process: ChildProcess | null;
  record: ChildRecord | null;
  exited: Promise<string>;
  startedAtMs: number;
  logFromByte: number;
  logFile: string;
  crashes: number;
  isExpectedToEnd: boolean;
}

/** Keeps children alive: starts them, restarts what crashes with growing pauses (250 ms to 15 s), and stops them in order. */
export function supervise(options: SuperviseOptions): Supervisor {
  const children = new Map<string, Child>();
  const stopping = new AbortController();
  const say = options.onEvent ?? (() => undefined);
  const running = () => [...children.values()].flatMap((child) => child.record ?? []);
  const changed = () => options.onChange?.(running());
  const logCheck = setInterval(() => children.forEach((child) => void limitLog(child.logFile)), LOG_CHECK_MS);
  logCheck.unref();

  const launch = (child: Child): void => {
    const { spec } = child;
    const log = openLog(options.logFolder, spec.name);
    Object.assign(child, {
      logFile: log.file,
      logFromByte: log.bytes,
      startedAtMs: Date.now(),
      isExpectedToEnd: false,
    });
    // A process group of its own: Ctrl-C in the terminal reaches the starter alone, which then stops all in order.
    const process = spawnInGroup(spec, log.descriptor);
    closeSync(log.descriptor);
    const mark = process.pid === undefined ? null : markOf(process.pid);
    child.process = process;
    child.record = mark === null ? null : { ...mark, name: spec.name, stopSignal: spec.stopSignal };
    changed();
    child.exited = new Promise((resolve) => {
      process.once('error', (error) => resolve(error.message));
      process.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void child.exited.then(() => {
      killGroup(process.pid, 'SIGKILL');
      child.process = null;
      child.record = null;
      changed();
    });
  };

  const keepAlive = async (child: Child): Promise<void> => {
    const how = await child.exited;
    if (child.isExpectedToEnd || stopping.signal.aborted) return;
    child.crashes = Date.now() - child.startedAtMs > HEALTHY_AFTER_MS ? 1 : child.crashes + 1;
    const pauseMs = backoffMs(child.crashes);
    say(`${child.spec.name} ended (${how}); starting it again in ${(pauseMs / 1000).toFixed(1)} s`);
    await wait(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    // A restart that was asked for in the meantime has already begun it anew.
    if (stopping.signal.aborted || child.process !== null || child.isExpectedToEnd) return;
    launch(child);
    void keepAlive(child);
    const outcome = await untilReady(child, stopping.signal);
    if (outcome === 'ready') say(`${child.spec.name} is back`);
  };

  const startUntilReady = async (child: Child): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      launch(child);
      const outcome = await untilReady(child, stopping.signal);
      if (outcome === 'ready') return void keepAlive(child);
      if (outcome === 'stopped') throw new CannotStart('Stopped while starting.');
      const words = lastWords(readLog(child.logFile, child.logFromByte));
      if (outcome === 'late' || attempt >= FIRST_TRIES_MAX) {
        await end(child);
        const what =
          outcome === 'late'
            ? `was not ready within ${child.spec.readyMsMax / 1000} s`
            : `ended at once, ${attempt} times`;
        throw new CannotStart(`${child.spec.name} ${what}: see ${child.logFile} (${words || 'it says nothing'}).`);
      }
      await wait(backoffMs(attempt));
    }
  };

  const end = async (child: Child): Promise<void> => {
    child.isExpectedToEnd = true;
    const { process, spec } = child;
    if (process === null) return;
    process.kill(spec.stopSignal);
    if (await settlesWithin(child.exited, spec.stopMsMax)) return;
    say(`${spec.name} did not stop within ${spec.stopMsMax / 1000} s and is killed`);
    killGroup(process.pid, 'SIGKILL');
    await settlesWithin(child.exited, KILLED_MS_MAX);
  };

  return {
    running,
    async start(spec) {
      const child: Child = {
        spec,
        process: null,
        record: null,
        exited: Promise.resolve(''),
        startedAtMs: 0,
        logFromByte: 0,
        logFile: '',
        crashes: 0,
        isExpectedToEnd: false,
      };
      children.set(spec.name, child);
      await startUntilReady(child);
    },
    async restart(name) {
      const child = children.get(name);
      if (child === undefined) throw new Error(`no child is called ${name}`);
      await end(child);
      await startUntilReady(child);
    },
    async stop() {
      stopping.abort();
      clearInterval(logCheck);
      const tiers = [...new Set([...children.values()].map((child) => child.spec.tier))].sort((a, b) => b - a);
      for (const tier of tiers)
        await Promise.all([...children.values()].filter((child) => child.spec.tier === tier).map(end));
    },
  };
}

/** The pause before the n-th restart in a row: 250 ms, doubled each time, 15 s at most. */
export function backoffMs(crashes: number): number {
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.max(0, crashes - 1));
}

function spawnInGroup(spec: ChildSpec, logDescriptor: number): ChildProcess {
  return spawn(spec.command, spec.args, {
    cwd: spec.folder,
    env: { ...process.env, ...spec.environment },
    stdio: ['ignore', logDescriptor, logDescriptor],
    detached: true,
  });
}

/** Ends what a child started itself and left behind; its group is gone if there is nothing. */
function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM'))) throw error;
  }
}

async function untilReady(child: Child, stopping: AbortSignal): Promise<'ready' | 'ended' | 'late' | 'stopped'> {
  const { process: launched, spec } = child;
  const deadline = Date.now() + spec.readyMsMax;
  while (Date.now() < deadline) {
    if (stopping.aborted) return 'stopped';
    if (child.process === null || child.process !== launched) return 'ended';
    if (await isReady(child)) return 'ready';
    await wait(READY_POLL_MS);
  }
  return 'late';
}

function isReady(child: Child): Promise<boolean> {
  const { ready } = child.spec;
  if (typeof ready === 'function') return ready();
  return Promise.resolve(ready.test(readLog(child.logFile, child.logFromByte)));
}

async function settlesWithin(promise: Promise<unknown>, msMax: number): Promise<boolean> {
  const timer = new AbortController();
  const late = wait(msMax, false, { signal: timer.signal }).catch(() => false);
  const isSettled = await Promise.race([promise.then(() => true), late]);
  timer.abort();
  return isSettled;
}
