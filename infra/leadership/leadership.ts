import type { NatsConnection } from '@nats-io/transport-node';
import { isAway } from '../event-store/errors.ts';
import { holdLease, type Lease } from '../event-store/lease.ts';
import { leaseEntry } from '../event-store/lease-entry.ts';
import type { Logger } from '../event-store/logger.ts';
import { waitMs } from '../event-store/wait.ts';
import { openPresence, type Presence } from './presence.ts';
import { leaderOf } from './turns.ts';

/** A leader that is killed is followed by another this many seconds later, and a little. */
const TTL_SECONDS = 3;
const LOOK_EVERY_MS = 250;
/** Its turn has come, but another still holds the lease for this long: it will not be handed over soon. */
const STANDBY_AFTER_MS = 1_000;
/** Who has just come gets tasks of others only when it stayed for this long: one that keeps crashing would disturb them. */
const SETTLED_MS = 5_000;
/** So often the lease of a task that is another's turn is looked at, and after so many looks at a free one it is taken. */
const VACANCY_LOOK_EVERY_MS = 1_000;
const VACANT_LOOKS_MAX = 6;
/** Taken because its turn did not come, a task is kept for this long before it is offered again. */
const VACANCY_TERM_MS = 60_000;

/** The time in which this process leads a task. */
export type Term = {
  /** Grows from leader to leader. */
  readonly number: number;
  /** Aborts when the lease is lost, when another is to take over, or when the program ends. */
  readonly signal: AbortSignal;
  /** Lets the next take over. Takes at most 1 s and never throws. */
  end(): Promise<void>;
};

/** Which tasks this process leads. */
export type Leadership = {
  /** The name of this process among others. */
  readonly id: string;
  isLeading(task: string): boolean;
  /**
   * Waits until this process leads a task; `undefined` when the program ends first. `onStandby` is called when another is
   * found to lead it. One wait or term per task at a time.
   */
  lead(task: string, onStandby?: () => void): Promise<Term | undefined>;
  /** Says that this process failed at a task, so that another should lead it, or that it may try again. */
  setAble(task: string, isAble: boolean): void;
  /** Stops telling the others of this process. After all terms have ended. */
  close(): void;
};

export type LeadershipOptions = {
  /** The program, the same for all its processes: `worker`. */
  program: string;
  /** The name of this process: letters, digits, `-`, `_`. */
  id: string;
  /** All tasks of the program, in the same order everywhere; the heaviest first. */
  tasks: readonly string[];
  signal: AbortSignal;
  logger: Logger;
};

/**
 * Divides the tasks of a program among its processes: each is led by one of them, under a lease; each process has its
 * share. A process that ends hands its tasks over; one that is killed loses them within some three seconds.
 */
export function openLeadership(nc: NatsConnection, options: LeadershipOptions): Leadership {
  const { program, id, tasks, signal, logger } = options;
  const presence = openPresence(nc, program, id);
  const leading = new Set<string>();
  signal.addEventListener('abort', () => presence.leave(), { once: true });

  /** Waits for a lease while it is wanted. */
  const win = async (name: string, isWanted: () => boolean, onStandby: () => void): Promise<Lease | undefined> => {
    const reserve = setTimeout(onStandby, STANDBY_AFTER_MS);
    const waiting = watching(() => !isWanted());
    const wanting = AbortSignal.any([signal, waiting.signal]);
    try {
      return await holdLease(nc, name, { owner: id, ttlSeconds: TTL_SECONDS, signal: wanting, logger });
    } finally {
      waiting.stop();
      clearTimeout(reserve);
    }
  };

  return {
    id,
    isLeading: (task) => leading.has(task),
    setAble: (task, isAble) => presence.setAble(task, isAble),
    close: () => presence.close(),
    async lead(task, onStandby = () => undefined) {
      const name = `${program}.${task}`;
      const isMine = () => leaderOf(task, tasks, presence.members())?.id === id;
      await presence.introduced;
      while (!signal.aborted) {
        if (!isMine()) onStandby();
        const why = await turn(nc, name, isMine, signal);
        const lease = await win(name, why === 'vacant' ? () => true : isMine, onStandby);
        if (lease === undefined) continue;
        if (signal.aborted) {
          // Won in the moment in which the program was told to end.
          await lease.release();
          return undefined;
        }

        leading.add(task);
        const keepUntil = performance.now() + (why === 'vacant' ? VACANCY_TERM_MS : 0);
        const handover = watching(() => performance.now() >= keepUntil && isAnothers(presence, task, options));
        return {
          number: lease.term,
          signal: AbortSignal.any([signal, lease.signal, handover.signal]),
          async end() {
            handover.stop();
            leading.delete(task);
            await lease.release();
          },
        };
      }
      return undefined;
    },
  };
}

/** Whether a task is to be led by another that has been there for a while. */
function isAnothers(presence: Presence, task: string, { id, tasks }: LeadershipOptions): boolean {
  const leader = leaderOf(task, tasks, presence.members());
  return leader !== undefined && leader.id !== id && leader.upForMs >= SETTLED_MS;
}

/** Waits until it is this process's turn, or nobody takes it whose turn it is. */
async function turn(
  nc: NatsConnection,
  name: string,
  isMine: () => boolean,
  signal: AbortSignal,
): Promise<'mine' | 'vacant'> {
  const { look } = leaseEntry(nc, name, TTL_SECONDS);
  let vacantLooks = 0;
  let nextLookAt = performance.now() + VACANCY_LOOK_EVERY_MS;
  while (!signal.aborted && !isMine()) {
    if (performance.now() >= nextLookAt) {
      nextLookAt = performance.now() + VACANCY_LOOK_EVERY_MS;
      vacantLooks = (await isVacant(look)) ? vacantLooks + 1 : 0;
      if (vacantLooks === VACANT_LOOKS_MAX) return 'vacant';
    }
    await waitMs(LOOK_EVERY_MS, signal);
  }
  return 'mine';
}

async function isVacant(look: ReturnType<typeof leaseEntry>['look']): Promise<boolean> {
  try {
    return (await look()).holder === undefined;
  } catch (error) {
    // While NATS is away nobody can take anything.
    if (isAway(error)) return false;
    throw error;
  }
}

/** A signal that aborts when a condition has come true. */
function watching(condition: () => boolean): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const timer = setInterval(() => {
    if (!condition()) return;
    clearInterval(timer);
    controller.abort();
  }, LOOK_EVERY_MS);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}
