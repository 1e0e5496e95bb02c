import { expect, it } from 'vitest';
import type { CopyState } from './inbox.ts';
import { type CopyWatch, troubleOf, watchCopy } from './inbox-watch.ts';

const copying = (waiting: number, copied: number, unconfirmed = 0): CopyState => {
  return { kind: 'copying', waiting, unconfirmed, copied };
};

/** What is told after each look, one every five seconds. */
function told(...states: CopyState[]): (string | undefined)[] {
  let watch: CopyWatch | undefined;
  return states.map((state, index) => {
    watch = watchCopy(watch, state, index * 5_000);
    return troubleOf(watch, index * 5_000);
  });
}

it('is well while copies come, however many wait, and while there is nothing to copy', () => {
  expect(told(copying(900, 0), copying(800, 100), copying(5_000, 200), copying(0, 5_200))).toEqual(
    Array(4).fill(undefined),
  );
  expect(told(copying(0, 7), copying(0, 7), copying(0, 7), copying(0, 7))).toEqual(Array(4).fill(undefined));
  expect(told({ kind: 'none' }, { kind: 'none' })).toEqual([undefined, undefined]);
});

it('is well while the server asks for no confirmation, because messages come without a pause', () => {
  expect(told(copying(0, 100, 100), copying(1, 300, 299), copying(1, 500, 499), copying(0, 700, 700))).toEqual(
    Array(4).fill(undefined),
  );
});

it('is not when some have waited for ten seconds and none came, until one comes', () => {
  const words = '3 messages of devices have not been copied into DEVICES for 10 s';
  const states = [copying(0, 7), copying(3, 7), copying(3, 7), copying(3, 7), copying(2, 8)];
  expect(told(...states)).toEqual([undefined, undefined, undefined, words, undefined]);
});

it('is not when nothing copies', () => {
  expect(told({ kind: 'missing' })).toEqual([expect.stringContaining('the copier is missing')]);
});
