import type { Command, Decided } from './envelope.ts';
import type { Entity } from './subjects.ts';

/**
 * The rules of one kind of aggregate, without clock, chance or I/O. `decide` says what happens (`[]`: it is already so)
 * or throws `Rejected`; `evolve` says what a fact means and never refuses.
 */
export type Decider<State, C extends Command, E extends Decided> = {
  entity: Entity;
  initial: State;
  decide: (state: State, command: C) => E[];
  evolve: (state: State, event: E) => State;
};

/**
 * The business says no. `code` is a PascalCase fact (`OrderAlreadyPlaced`) that a program may act on, `message` one
 * sentence for people, `field` the part of the command that is to blame, where there is one. HTTP answers 409.
 */
export class Rejected extends Error {
  readonly code: string;
  readonly field: string | undefined;

  constructor(code: string, message: string, field?: string) {
    super(message);
    this.name = 'Rejected';
    this.code = code;
    this.field = field;
  }
}
