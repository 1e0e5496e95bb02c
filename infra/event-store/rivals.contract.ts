import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import { type Command, parsePosition } from '@stratum/contracts/envelope.ts';
import fc from 'fast-check';
import { expect } from 'vitest';
import { addCapacity, type CapacityEvent, capacitiesIn, capacitySet, shopfloor } from './capacity.fixture.ts';
import { handle } from './handle.ts';
import type { Appended, Change, Store } from './store.ts';

/** One log as several processes see it, and a word that makes the names of this run its own. */
export type Rivals = { processes: readonly Store[]; run: string };

const AGGREGATES = 3;
const PROCESSES = 3;

/** A wish to append: by which process, how many events on which aggregates, and how far off its knowledge is. */
type Claim = { process: number; on: { aggregate: number; events: number; off: number }[] };

const claim: fc.Arbitrary<Claim> = fc.record({
  process: fc.nat(PROCESSES - 1),
  on: fc.uniqueArray(
    fc.record({
      aggregate: fc.nat(AGGREGATES - 1),
      events: fc.integer({ min: 1, max: 2 }),
      off: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
    }),
    { minLength: 1, maxLength: AGGREGATES, selector: ({ aggregate }) => aggregate },
  ),
});

/** Rounds of claims; those of one round are made at once and know the same. */
export const claims = fc.array(fc.array(claim, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 });

/**
 * Law: of all claims on one aggregate after one sequence one wins at most, and whoever was right loses to a winner only. A
 * winner's events are in the log once, together, at the position it was told, and follow what it knew; of a loser nothing is
 * there, and it is told truly where it was overtaken.
 */
export async function checkClaims({ processes, run }: Rivals, rounds: Claim[][]): Promise<void> {
  const floors = Array.from({ length: AGGREGATES }, (_, n) => shopfloor(`${run}-${n}`));
  const store = at(processes, 0);
  const lasts = () => Promise.all(floors.map(async (floor) => (await store.history(floor)).last));
  const expected = new Map<number, string>();
  const winners: { id: string; change: Change }[] = [];

  for (const [r, round] of rounds.entries()) {
    const before = await lasts();
    const told = round.map(({ process, on }, n) => {
      const changes = on.map(({ aggregate, events, off }): Change => {
        const after = Math.max(0, (before[aggregate] ?? 0) + off);
        return { aggregate: at(floors, aggregate), after, events: Array(events).fill(capacitySet(n)) };
      });
      const isRight = on.every(({ aggregate }, index) => before[aggregate] === changes[index]?.after);
      return { id: `${run}-${r}-${n}`, process, changes, isRight };
    });
    const outcomes = await Promise.all(
      told.map(({ id, process, changes }) => at(processes, process).append(changes, addCapacity(id))),
    );
    const after = await lasts();

    const taken = new Set<string>();
    for (const [n, { id, changes }] of told.entries()) {
      const outcome = at<Appended>(outcomes, n);
      if (!('position' in outcome)) continue;
      for (const change of changes) {
        expect(taken, 'one winner per guard').not.toContain(guardOf(change));
        taken.add(guardOf(change));
      }
      const count = changes.flatMap(({ events }) => events).length;
      const first = parsePosition(outcome.position).sequence - count + 1;
      for (let k = 0; k < count; k++) expected.set(first + k, `${id}-${k}`);
      for (const change of changes) winners.push({ id, change });
    }
    for (const [n, { changes, isRight }] of told.entries()) {
      const outcome = at<Appended>(outcomes, n);
      if ('position' in outcome) continue;
      if (isRight) expect(changes.some((change) => taken.has(guardOf(change)))).toBe(true);
      expect(outcome.conflict.length).toBeGreaterThan(0);
      for (const { id } of outcome.conflict) {
        const change = changes.find(({ aggregate }) => aggregate.id === id);
        const place = floors.findIndex((floor) => floor.id === id);
        expect(change).toBeDefined();
        // Who claimed to know more than there was may have been overtaken by the log since.
        if (Number(change?.after) <= at(before, place)) expect(change?.after).not.toBe(after[place]);
      }
    }
  }
  const logs = await Promise.all(floors.map((floor) => store.read(floor)));
  for (const { id, change } of winners) {
    const log = at(logs, floors.indexOf(change.aggregate));
    const first = log.findIndex(({ envelope }) => envelope.causationId === id);
    expect(log[first - 1]?.recorded.sequence ?? 0, 'a winner follows what it knew').toBe(change.after);
  }
  const recorded = logs.flat();
  const found = recorded.map(({ recorded: { sequence }, envelope: { id } }) => [sequence, id] as const);
  expect(new Map(found)).toEqual(expected);
  expect(found).toHaveLength(expected.size);
}

const guardOf = ({ aggregate, after }: Change): string => `${aggregate.id} after ${after}`;

const ROOM = 12;
type Note = Command<'Note', { values: number[] }>;

/** Commands, and who tells which when: some are told several times, and to several processes. */
export const tellings = fc
  .array(fc.record({ aggregate: fc.nat(1), values: fc.array(fc.nat(9), { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 8,
  })
  .chain((commands) =>
    fc.record({
      commands: fc.constant(commands),
      tellings: fc.array(fc.record({ command: fc.nat(commands.length - 1), process: fc.nat(PROCESSES - 1) }), {
        minLength: 1,
        maxLength: 16,
      }),
    }),
  );

/**
 * Law: what is accepted is in the log once, where its teller was told, and nothing else is; a "no" was true; and every
 * state that a decision was made on, remembered or read, is what the log folds to at some length.
 */
export async function checkTellings(
  { processes, run }: Rivals,
  { commands, tellings: told }: { commands: { aggregate: number; values: number[] }[]; tellings: Telling[] },
): Promise<void> {
  const floors = [shopfloor(`${run}-a`), shopfloor(`${run}-b`)];
  const seen = floors.map(() => [] as (readonly number[])[]);
  const deciders = seen.map((states) => noteDecider((state) => void states.push(state)));
  const tell = ({ command, process }: Telling) => {
    const { aggregate, values } = at(commands, command);
    const note: Note = { ...addCapacity(`${run}-${command}`), type: 'Note', data: { values } };
    return handle(at(processes, process), at(deciders, aggregate), at(floors, aggregate), note, { pauseMs: () => 0 });
  };
  const outcomes = await Promise.allSettled(told.map(tell));

  const logs = await Promise.all(floors.map((floor) => at(processes, 0).read(floor)));
  const answered = new Map<string, string>();
  for (const [n, outcome] of outcomes.entries()) {
    const { command } = at(told, n);
    const { aggregate, values } = at(commands, command);
    const log = at(logs, aggregate);
    if (outcome.status === 'rejected') {
      expect(outcome.reason).toBeInstanceOf(Rejected);
      expect(log.length + values.length).toBeGreaterThan(ROOM);
    } else if (values.length > 0) {
      const own = log.filter(({ envelope }) => envelope.causationId === `${run}-${command}`);
      expect(capacitiesIn(own)).toEqual(values);
      expect(own.at(-1)?.recorded.position).toBe(outcome.value.position);
      answered.set(`${run}-${command}`, outcome.value.position);
    }
  }
  for (const log of logs) for (const { envelope } of log) expect(answered.has(envelope.causationId)).toBe(true);
  for (const [n, states] of seen.entries()) {
    const whole = capacitiesIn(at(logs, n));
    for (const state of states) expect(state).toEqual(whole.slice(0, state.length));
  }
}

type Telling = { command: number; process: number };

/** Notes values while there is room; shows each state it decides on. */
function noteDecider(show: (state: readonly number[]) => void): Decider<readonly number[], Note, CapacityEvent> {
  return {
    entity: 'shopfloor',
    initial: [],
    decide(state, { data }) {
      show(state);
      if (state.length + data.values.length > ROOM) throw new Rejected('Full', 'there is no room');
      return data.values.map(capacitySet);
    },
    evolve: (state, { data }) => [...state, data.capacityPerHour],
  };
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there is no item ${index}`);
  return item;
}
