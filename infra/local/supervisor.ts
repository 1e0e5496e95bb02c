import { setTimeout as wait } from 'node:timers/promises';
import { CannotStart } from './cannot-start.ts';
import { type ChildRecord, type ChildSpec, end, lastWordsOf, launch, type RunningChild, untilReady } from './child.ts';
import { limitLog } from './log-file.ts';
import { formatSeconds } from './progress.ts';

const LOG_CHECK_MS = 10_000;
const RESTART_CHECK_MS = 2_000;
/** A child that ends before it was ever ready is tried this often before its start fails. */
const FIRST_TRIES_MAX = 3;
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 15_000;
/** A child that ran this long is healthy again: its next crash counts as the first. */
const HEALTHY_AFTER_MS = 60_000;

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

/** A child's place: the process that fills it changes with each restart, and is null while it is down. */
interface Place {
  spec: ChildSpec;
  child: RunningChild | null;
  crashes: number;
}

/** Keeps children alive: starts them, restarts what crashes with growing pauses, and stops them in order. */
export function supervise(options: SuperviseOptions): Supervisor {
  const places = new Map<string, Place>();
  const alive = new Set<RunningChild>();
  const stopping = new AbortController();
  const say = options.onEvent ?? (() => undefined);
  const running = () => [...alive].flatMap((child) => child.record ?? []);
  const killAll = () => alive.forEach((child) => void child.signal('SIGKILL'));
  // A defect that ends this process must not leave the children behind.
  process.once('exit', killAll);
  const said = new Set<string>();
  const sayOnce = (sentence: string) => {
    if (said.has(sentence)) return;
    said.add(sentence);
    say(sentence);
  };
  /** What is looked after on the side may fail, on a full disk for one, and must not end the children with this process. */
  const limitLogOf = ({ spec, logFile }: RunningChild) => {
    try {
      limitLog(logFile);
    } catch (error) {
      sayOnce(`${spec.name}: its log cannot be shortened (${reasonOf(error)})`);
    }
  };
  const logCheck = setInterval(() => alive.forEach(limitLogOf), LOG_CHECK_MS);
  logCheck.unref();

  const fill = (place: Place): RunningChild => {
    const child = launch(place.spec, options.logFolder);
    place.child = child;
    alive.add(child);
    options.onChange?.(running());
    void child.ended.then(() => {
      alive.delete(child);
      options.onChange?.(running());
    });
    return child;
  };

  /** Empties the place first: `keepAlive` then knows that this end is no crash. */
  const empty = async (place: Place): Promise<void> => {
    const { child } = place;
    place.child = null;
    if (child !== null && !(await end(child)))
      say(`${place.spec.name} did not stop within ${place.spec.stopMsMax / 1000} s and was killed`);
  };

  const startUntilReady = async (place: Place): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      if (stopping.signal.aborted) throw stoppedWhileStarting();
      const child = fill(place);
      const outcome = await untilReady(child, stopping.signal);
      if (outcome === 'ready') return void keepAlive(place, child);
      if (outcome === 'stopped') throw stoppedWhileStarting();
      if (outcome === 'late' || attempt === FIRST_TRIES_MAX) {
        await empty(place);
        const what =
          outcome === 'late' ? `was not ready after ${formatSeconds(place.spec.readyMsMax)}` : 'ended at once';
        throw new CannotStart(`${place.spec.name} ${what}: see ${child.logFile} (${lastWordsOf(child)}).`);
      }
      await wait(backoffMs(attempt));
    }
  };

  /** What ended is started again by `keepAlive`, as after a crash. */
  const endWhenNeeded = async (child: RunningChild): Promise<void> => {
    const { name, needsRestart } = child.spec;
    if (needsRestart === undefined) return;
    const isNeeded = async () => {
      try {
        return await needsRestart(child.output());
      } catch (error) {
        sayOnce(`${name}: whether it needs a new start cannot be told (${reasonOf(error)})`);
        return false;
      }
    };
    while (!child.hasEnded()) {
      if (await isNeeded()) {
        say(`${name} does not recover by itself and is stopped`);
        await end(child);
      }
      await wait(RESTART_CHECK_MS, undefined, { ref: false });
    }
  };

  const keepAlive = async (place: Place, child: RunningChild): Promise<void> => {
    void endWhenNeeded(child);
    const how = await child.ended;
    if (place.child !== child || stopping.signal.aborted) return;
    place.crashes = Date.now() - child.startedAtMs > HEALTHY_AFTER_MS ? 1 : place.crashes + 1;
    const pauseMs = backoffMs(place.crashes);
    say(`${place.spec.name} ended (${how}); starting it again in ${formatSeconds(pauseMs)}`);
    await wait(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (place.child !== child || stopping.signal.aborted) return;
    const next = fill(place);
    void keepAlive(place, next);
    const outcome = await untilReady(next, stopping.signal);
    if (outcome === 'ready') say(`${place.spec.name} is back`);
    if (outcome !== 'late' || place.child !== next) return;
    // Its end counts as a crash, so it is started once more.
    say(`${place.spec.name} was not ready after ${formatSeconds(place.spec.readyMsMax)} and is stopped`);
    await end(next);
  };

  return {
    running,
    async start(spec) {
      const place: Place = { spec, child: null, crashes: 0 };
      places.set(spec.name, place);
      await startUntilReady(place);
    },
    async restart(name) {
      const place = places.get(name);
      if (place === undefined) throw new Error(`no child is called ${name}`);
      await empty(place);
      await startUntilReady(place);
    },
    async stop() {
      stopping.abort();
      clearInterval(logCheck);
      const all = [...places.values()];
      const tiers = [...new Set(all.map((place) => place.spec.tier))].sort((a, b) => b - a);
      for (const tier of tiers) await Promise.all(all.filter((place) => place.spec.tier === tier).map(empty));
      process.off('exit', killAll);
    },
  };
}

/** The pause before the n-th restart in a row: 250 ms, doubled each time, 15 s at most. */
export function backoffMs(crashes: number): number {
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.max(0, crashes - 1));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stoppedWhileStarting(): CannotStart {
  return new CannotStart('Stopped while starting.');
}
