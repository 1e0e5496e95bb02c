import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leaderOf, type Member } from './turns.ts';

const tasks = ['a', 'b', 'c', 'd', 'e'];
const member = (id: string, unable: string[] = []): Member => ({ id, upForMs: 1_000, unable });
const leaders = (members: Member[]) => tasks.map((task) => leaderOf(task, tasks, members)?.id);

describe('who leads what', () => {
  it('goes by turns, so that neighbours are led apart', () => {
    expect(leaders([member('x'), member('y')])).toEqual(['x', 'y', 'x', 'y', 'x']);
    expect(leaders([member('x')])).toEqual(['x', 'x', 'x', 'x', 'x']);
    expect(leaders([])).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('passes over who is unable, for that task alone', () => {
    expect(leaders([member('x', ['a']), member('y')])).toEqual(['y', 'y', 'x', 'y', 'x']);
    expect(leaders([member('x', ['a']), member('y', ['a'])])[0]).toBeUndefined();
  });

  it('is the same for everybody, whatever the order in which they heard of each other, and shares evenly', () => {
    const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(ids, fc.infiniteStream(fc.nat()), (names, chance) => {
        const members = names.map((name) => member(name));
        const shuffled = members
          .map((one) => ({ one, at: chance.next().value }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ one }) => one);
        expect(leaders(shuffled)).toEqual(leaders(members));
        const shares = names.map((name) => leaders(members).filter((leader) => leader === name).length);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
