import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Progress, progressFrom, waitWhileMoving } from './progress.ts';

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

describe('waiting for as long as something is finished', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const finish = (progress: Progress, sequence: number) => {
    progress.begin(sequence);
    progress.finish(sequence);
  };

  it('takes as long as it takes', async () => {
    const progress = progressFrom(0);
    let isThere = false;
    const waiting = waitWhileMoving(progress, 100, 1_000).then(() => {
      isThere = true;
    });
    for (let sequence = 1; sequence < 100; sequence++) {
      await vi.advanceTimersByTimeAsync(900);
      finish(progress, sequence);
    }
    expect(isThere).toBe(false);
    finish(progress, 100);
    await waiting;
  });
  it('gives up when nothing is finished any more, and says where', async () => {
    const progress = progressFrom(0);
    const waiting = expect(waitWhileMoving(progress, 100, 1_000)).rejects.toThrow('at 7, not at 100');
    finish(progress, 7);
    await vi.advanceTimersByTimeAsync(2_000);
    await waiting;
  });
  it('gives up at the end', async () => {
    const progress = progressFrom(0);
    const waiting = expect(waitWhileMoving(progress, 100, 1_000)).rejects.toThrow('no more');
    finish(progress, 7);
    progress.end(new Error('no more'));
    await waiting;
  });
});
