import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command, Decided } from '@stratum/contracts/envelope.ts';
import { expect } from 'vitest';

/** What a rule answers to one command, to be compared exactly. */
export type Verdict<E extends Decided> = {
  /** These events, in this order, with these fields and no others. */
  then(events: E[]): void;
  /** The business says no, with this code. */
  thenRejected(code: string): void;
  /** It is already so: no events, no refusal. */
  thenNothing(): void;
};

/**
 * Tests a rule as a sentence: `given(decider, history).when(command).then(events)`. The history is folded from the
 * decider's initial state; nothing of it is checked, because what happened, happened.
 */
export function given<State, C extends Command, E extends Decided>(
  decider: Decider<State, C, E>,
  history: E[],
): { when(command: C): Verdict<E> } {
  const state = history.reduce(decider.evolve, decider.initial);
  return {
    when: (command) => ({
      // biome-ignore lint/suspicious/noThenProperty: a rule is spoken as given, when, then; nobody awaits this.
      then: (events) => expect(decider.decide(state, command)).toStrictEqual(events),
      thenNothing: () => expect(decider.decide(state, command)).toStrictEqual([]),
      thenRejected: (code) => expect(rejectionOf(() => decider.decide(state, command))).toBe(code),
    }),
  };
}

function rejectionOf(decide: () => Decided[]): string {
  try {
    const events = decide();
    return `no rejection but [${events.map((event) => event.type).join(', ')}]`;
  } catch (error) {
    if (error instanceof Rejected) return error.code;
    throw error;
  }
}
