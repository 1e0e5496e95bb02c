import type { Db } from 'mongodb';

/** What a process that dies meets: nothing after this reaches the database. */
export class Crash extends Error {
  constructor() {
    super('the process died here');
    this.name = 'Crash';
  }
}

/**
 * When a process dies: at its request number `at` (0 is the first) to the database, before it, `after` it (the answer is
 * lost), or `within` it, when half of a bulk write is done.
 */
export type Death = { at: number; when: 'before' | 'within' | 'after' };

const requests = new Set<PropertyKey>([
  'findOne',
  'updateOne',
  'replaceOne',
  'bulkWrite',
  'insertMany',
  'createIndex',
  'dropCollection',
  'toArray',
  'hasNext',
]);

/** A process's way to the database. `dieAt` says when it dies, counted from now on; `undefined`: not yet. */
export type Mortal = { database: Db; dieAt(death: Death | undefined): void };

/** A database as a process sees it that may die at any request. `turn` is awaited before each, to let others go first. */
export function mortal(database: Db, turn: () => Promise<void>): Mortal {
  let death: Death | undefined;
  let made = 0;
  let isDead = false;

  return {
    database: wrapped(database),
    dieAt(its) {
      death = its;
      made = 0;
    },
  };

  /** Things made by something wrapped (collections, cursors) are wrapped too. */
  function wrapped<Thing extends object>(thing: Thing): Thing {
    return new Proxy(thing, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        if (requests.has(property)) return (...given: unknown[]) => request(value.bind(target), given);
        return (...given: unknown[]) => {
          const result: unknown = value.apply(target, given);
          return typeof result === 'object' && result !== null ? wrapped(result) : result;
        };
      },
    });
  }

  async function request(send: (...given: unknown[]) => unknown, given: unknown[]): Promise<unknown> {
    await turn();
    if (isDead) throw new Crash();
    if (death === undefined || made++ < death.at) return send(...given);
    isDead = true;
    const [first, ...others] = given;
    if (death.when === 'after') await send(...given);
    if (death.when === 'within' && Array.isArray(first) && first.length > 1) {
      await send(first.slice(0, Math.floor(first.length / 2)), ...others);
    }
    throw new Crash();
  }
}
