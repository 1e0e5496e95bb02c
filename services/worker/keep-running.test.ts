import { openLog } from '@stratum/infra/log.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Running, Starter, WorkerDeps } from './deps.ts';
import { keepRunning } from './keep-running.ts';

let stop: AbortController;
let deps: WorkerDeps;
let nowMs = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  stop = new AbortController();
  // A part gets these and nothing else is looked at here.
  deps = { signal: stop.signal, logger: openLog('test', 'silent'), now: () => new Date(nowMs) } as WorkerDeps;
});
afterEach(() => {
  vi.useRealTimers();
});

function part(): { start: Starter; starts: () => number; fail: (why: string) => void } {
  let count = 0;
  let fail = (_why: string): void => undefined;
  const start: Starter = ({ signal }): Running => {
    count += 1;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    fail = (why) => reject(new Error('stopped', { cause: new Error(why) }));
    signal.addEventListener('abort', () => resolve());
    return { name: 'part', position: () => 40 + count, stopped: promise };
  };
  return { start, starts: () => count, fail: (why) => fail(why) };
}

test('a part runs until the worker stops', async () => {
  const { start, starts } = part();
  const kept = keepRunning('part', start, deps);
  await kept.begun;
  expect(kept.health()).toEqual({ status: 'ok', detail: 'at 41', position: 41 });
  stop.abort();
  await kept.ended;
  expect(starts()).toBe(1);
});

test('a part that had to stop is red with its cause, and is started again after a pause', async () => {
  const { start, starts, fail } = part();
  const kept = keepRunning('part', start, deps);
  await kept.begun;
  fail('the disk is full');
  await vi.waitFor(() =>
    expect(kept.health()).toEqual({ status: 'failed', detail: 'stopped: the disk is full', position: 41 }),
  );
  expect(starts()).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  await vi.waitFor(() => expect(kept.health()).toEqual({ status: 'ok', detail: 'at 42', position: 42 }));
  stop.abort();
  await kept.ended;
});

test('a part that ran for long waits no longer than one that stopped for the first time', async () => {
  const { start, starts, fail } = part();
  const waits: number[] = [];
  const logger = openLog('test', 'silent');
  logger.error = ({ waitMs }: { waitMs: number }) => void waits.push(waitMs);
  const kept = keepRunning('part', start, { ...deps, logger });
  await kept.begun;
  nowMs += 3_600_000;
  fail('something passing');
  await vi.waitFor(() => expect(starts()).toBe(2), 10_000);
  nowMs += 3_600_000;
  fail('something passing');
  await vi.waitFor(() => expect(waits).toEqual([1_000, 1_000]));
  stop.abort();
  await kept.ended;
});

test('a part that cannot start does not keep the others from it, nor the worker from stopping', async () => {
  const kept = keepRunning('part', () => Promise.reject(new Error('no broker')), deps);
  await kept.begun;
  expect(kept.health()).toEqual({ status: 'failed', detail: 'no broker', position: 0 });
  stop.abort();
  await kept.ended;
});
