import type { Leadership } from '@stratum/infra/leadership/leadership.ts';
import { openLog } from '@stratum/infra/log.ts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Running, Starter, WorkerDeps } from './deps.ts';
import { keepRunning } from './keep-running.ts';

let stop: AbortController;
let deps: WorkerDeps;
let nowMs = 0;
let able: boolean[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  stop = new AbortController();
  able = [];
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

/** Lets this worker lead for as long as it wants, or when it is told to. */
function leadershipOf(turns: { give: Promise<AbortSignal>[] } = { give: [] }): Leadership {
  let isLeading = false;
  return {
    id: 'me',
    isLeading: () => isLeading,
    setAble: (_task, isAble) => void able.push(isAble),
    close: () => undefined,
    async lead(_task, onStandby = () => undefined) {
      if (turns.give.length > 0) onStandby();
      const over = (await turns.give.shift()) ?? new AbortController().signal;
      if (stop.signal.aborted) return undefined;
      isLeading = true;
      return {
        number: 1,
        signal: AbortSignal.any([stop.signal, over]),
        end: async () => {
          isLeading = false;
        },
      };
    },
  };
}

test('a part runs until the worker stops', async () => {
  const { start, starts } = part();
  const kept = keepRunning('part', start, deps, leadershipOf());
  await kept.begun;
  expect(kept.health()).toEqual({ status: 'ok', role: 'leader', position: 41 });
  stop.abort();
  await kept.ended;
  expect(starts()).toBe(1);
});

test('a part that had to stop is red with its cause, and is started again after a pause', async () => {
  const { start, starts, fail } = part();
  const kept = keepRunning('part', start, deps, leadershipOf());
  await kept.begun;
  fail('the disk is full');
  const detail = 'it had to stop, and the log says why';
  const failed = { status: 'failed', role: 'standby', detail, position: 41 };
  await vi.waitFor(() => expect(kept.health()).toEqual(failed));
  expect(starts()).toBe(1);
  expect(able).toEqual([false]);
  await vi.advanceTimersByTimeAsync(1_000);
  await vi.waitFor(() => expect(kept.health()).toEqual({ status: 'ok', role: 'leader', position: 42 }));
  stop.abort();
  await kept.ended;
});

test('a part that ran for long waits no longer than one that stopped for the first time', async () => {
  const { start, starts, fail } = part();
  const waits: number[] = [];
  const logger = openLog('test', 'silent');
  logger.error = ({ pauseMs }: { pauseMs: number }) => void waits.push(pauseMs);
  const kept = keepRunning('part', start, { ...deps, logger }, leadershipOf());
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

test('a part ends when another worker takes over, is ready meanwhile, and begins anew in its next turn', async () => {
  const [first, second] = [new AbortController(), Promise.withResolvers<AbortSignal>()];
  const { start, starts } = part();
  const kept = keepRunning(
    'part',
    start,
    deps,
    leadershipOf({ give: [Promise.resolve(first.signal), second.promise] }),
  );
  await vi.waitFor(() => expect(kept.health().role).toBe('leader'));
  first.abort();
  await vi.waitFor(() => expect(kept.health()).toEqual({ status: 'ok', role: 'standby', position: 41 }));
  expect(starts()).toBe(1);
  second.resolve(new AbortController().signal);
  await vi.waitFor(() => expect(kept.health()).toEqual({ status: 'ok', role: 'leader', position: 42 }));
  stop.abort();
  await kept.ended;
  expect(able).toEqual([]);
});

test('a part in trouble that goes on all the same says what is wrong', async () => {
  const { start } = part();
  const troubled: Starter = async (given) => ({ ...(await start(given)), trouble: () => '7 messages wait' });
  const kept = keepRunning('part', troubled, deps, leadershipOf());
  await vi.waitFor(() => expect(kept.health()).toMatchObject({ status: 'failed', detail: '7 messages wait' }));
  stop.abort();
  await kept.ended;
});

test('a part that takes long to start is red until it has', async () => {
  const { start } = part();
  const opened = Promise.withResolvers<void>();
  const slow: Starter = async (given) => {
    await opened.promise;
    return start(given);
  };
  const kept = keepRunning('part', slow, deps, leadershipOf());
  await vi.waitFor(() => expect(kept.health()).toEqual({ status: 'ok', role: 'leader', position: 0 }));
  nowMs += 10_001;
  expect(kept.health()).toEqual({ status: 'failed', role: 'leader', detail: 'it is still starting', position: 0 });
  opened.resolve();
  await kept.begun;
  expect(kept.health()).toEqual({ status: 'ok', role: 'leader', position: 41 });
  stop.abort();
  await kept.ended;
});

test('a part that cannot start does not keep the others from it, nor the worker from stopping', async () => {
  const kept = keepRunning('part', () => Promise.reject(new Error('no broker')), deps, leadershipOf());
  await kept.begun;
  expect(kept.health()).toMatchObject({ status: 'failed', position: 0 });
  stop.abort();
  await kept.ended;
});
