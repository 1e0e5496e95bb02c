import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import { type Command, type Decided, type Position, parsePosition, positionOf } from '@stratum/contracts/envelope.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { LRUCache } from 'lru-cache';
import { TooMuchContention } from './errors.ts';
import { type KeyedQueue, keyedQueue } from './queue.ts';
import type { Store } from './store.ts';
import { waitMs } from './wait.ts';

/** Decisions per command; each but the first follows a conflict with a rival process. */
const ATTEMPTS_MAX = 20;
/**
 * After the first conflict, more after each next, at random so that rivals part. Some six seconds in all.
 */
const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 50;
/** Aggregates kept in memory, each counted as one and one more for every command it remembers. */
const REMEMBERED_MAX = 200_000;

/** What is known of an aggregate: its state, its newest sequence, and each command that led there with its last sequence. */
type Known<State> = { state: State; last: number; commands: Map<string, number> };

/** `position`: of the last event the command caused, now or before. `events`: those recorded by this call. */
export type Handled<E extends Decided> = { position: Position; events: E[] };

/** Where chance comes from: how long to pause after the nth conflict. For tests. */
export type HandleOptions = { pauseMs?: (conflicts: number) => number };

/**
 * The whole write side: know the aggregate → answer its position if this command is already in its events → decide →
 * append guarded by the last sequence known → on conflict pause some 5–50 ms, read what the rival wrote, decide again.
 *
 * Commands on one aggregate queue up in the process; the guard catches other processes. States stay in memory: what is
 * decided to be recorded is guarded, and a "no" or a "nothing to say" counts only after a look whether a rival wrote. A
 * command with nothing to say answers the aggregate's last position, `PLANT:0` if it has none.
 * @throws Rejected (the business says no), TooMuchContention, and what `append` throws
 */
export async function handle<State, C extends Command, E extends Decided>(
  store: Store,
  decider: Decider<State, C, E>,
  aggregate: Aggregate,
  command: C,
  { pauseMs = randomPauseMs }: HandleOptions = {},
): Promise<Handled<E>> {
  if (aggregate.entity !== decider.entity)
    throw new TypeError(`${decider.entity} cannot decide for ${aggregate.entity}`);
  const subject = plantSubject(aggregate);
  const { queue, states } = memoryOf(store, decider);
  return queue(subject, async () => {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const isRemembered = attempt === 1 && states.has(subject);
      const known = await know(store, decider, aggregate, states, isRemembered);
      const done = known.commands.get(command.id);
      if (done !== undefined) return { position: positionOf('PLANT', done), events: [] };

      const verdict = judge(decider, known.state, command);
      const isGuarded = !(verdict instanceof Rejected) && verdict.length > 0;
      if (!isGuarded && isRemembered) continue;
      if (verdict instanceof Rejected) throw verdict;
      if (verdict.length === 0) return { position: positionOf('PLANT', known.last), events: [] };

      const outcome = await store.append([{ aggregate, after: known.last, events: verdict }], command);
      if ('position' in outcome) {
        const { sequence } = parsePosition(outcome.position);
        states.set(subject, extend(decider, known, verdict, sequence, command.id));
        return { position: outcome.position, events: verdict };
      }
      await waitMs(pauseMs(attempt));
    }
    throw new TooMuchContention(subject, ATTEMPTS_MAX);
  });
}

/** Decides; a business no is a verdict like another, because it may have to be reached again. */
function judge<State, C extends Command, E extends Decided>(
  decider: Decider<State, C, E>,
  state: State,
  command: C,
): E[] | Rejected {
  try {
    return decider.decide(state, command);
  } catch (error) {
    if (error instanceof Rejected) return error;
    throw error;
  }
}

type States<State> = LRUCache<string, Known<State>>;

/** What is known of the aggregate: as remembered, or completed from the log. */
async function know<State, C extends Command, E extends Decided>(
  store: Store,
  decider: Decider<State, C, E>,
  aggregate: Aggregate,
  states: States<State>,
  isRemembered: boolean,
): Promise<Known<State>> {
  const subject = plantSubject(aggregate);
  let known = states.get(subject);
  if (known !== undefined && isRemembered) return known;
  known ??= { state: decider.initial, last: 0, commands: new Map() };
  const { events, last } = await store.history(aggregate, known.last);
  for (const event of events) {
    // The registry has parsed it and it is of this aggregate, so it is one of the decider's events.
    known = extend(decider, known, [event as unknown as E], event.recorded.sequence, event.envelope.causationId);
  }
  known = { ...known, last };
  states.set(subject, known);
  return known;
}

function extend<State, C extends Command, E extends Decided>(
  decider: Decider<State, C, E>,
  known: Known<State>,
  events: readonly E[],
  last: number,
  commandId: string,
): Known<State> {
  known.commands.set(commandId, last);
  return { state: events.reduce(decider.evolve, known.state), last, commands: known.commands };
}

type Memory = { queue: KeyedQueue; states: WeakMap<object, States<unknown>> };
const memories = new WeakMap<Store, Memory>();

function memoryOf<State, C extends Command, E extends Decided>(store: Store, decider: Decider<State, C, E>) {
  const memory = memories.get(store) ?? { queue: keyedQueue(), states: new WeakMap() };
  memories.set(store, memory);
  const states =
    memory.states.get(decider) ??
    // An aggregate with more commands than fit is not kept but read from the log each time: slow, never wrong.
    new LRUCache<string, Known<unknown>>({
      maxSize: REMEMBERED_MAX,
      sizeCalculation: ({ commands }) => 1 + commands.size,
    });
  memory.states.set(decider, states);
  // Only this decider's states are kept under this decider; the type of a WeakMap cannot say so.
  return { queue: memory.queue, states: states as States<State> };
}

function randomPauseMs(conflicts: number): number {
  return conflicts * (PAUSE_MS_MIN + Math.random() * (PAUSE_MS_MAX - PAUSE_MS_MIN));
}
