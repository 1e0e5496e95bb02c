import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressFrom } from './progress.ts';

describe('the progress of a reader', () => {
  it('is the highest sequence up to which all is finished, in whatever order it is', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.nat(100), gaps, fc.infiniteStream(fc.nat()), (start, steps, chance) => {
        const sequences: number[] = [];
        for (const step of steps) sequences.push((sequences.at(-1) ?? start) + step);
        const progress = progressFrom(start);
        const waiting = [...sequences];
        const open: number[] = [];
        const finished = new Set<number>();
        while (waiting.length + open.length > 0) {
          const beginsOne = open.length === 0 || (waiting.length > 0 && chance.next().value % 2 === 0);
          if (beginsOne) {
            const sequence = waiting.shift() ?? 0;
            progress.begin(sequence);
            open.push(sequence);
          } else {
            const [sequence = 0] = open.splice(chance.next().value % open.length, 1);
            progress.finish(sequence);
            finished.add(sequence);
          }
          expect(progress.underWay()).toBe(open.length);
          const begun = sequences.filter((sequence) => finished.has(sequence) || open.includes(sequence));
          for (const sequence of begun) if (sequence <= progress.reached()) expect(finished.has(sequence)).toBe(true);
        }
        expect(progress.reached()).toBe(sequences.at(-1));
      }),
    );
  });

  it('lets others wait for it, for so long and no longer', async () => {
    const progress = progressFrom(3);
    await progress.waitUntil(3, 1);
    const waiting = progress.waitUntil(5, 1_000);
    progress.begin(4);
    progress.begin(5);
    progress.finish(5);
    progress.finish(4);
    await waiting;
    await expect(progress.waitUntil(6, 5)).rejects.toThrow('at 5, not at 6, after 5 ms');
  });

  it('tells those who wait when there will be no more', async () => {
    const progress = progressFrom(0);
    const waiting = progress.waitUntil(1, 1_000);
    progress.end(new Error('it is over'));
    await expect(waiting).rejects.toThrow('it is over');
    await expect(progress.waitUntil(1, 1_000)).rejects.toThrow('it is over');
  });
});
