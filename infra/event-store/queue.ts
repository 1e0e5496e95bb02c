import { Overloaded } from './errors.ts';

/** At most this many tasks wait for one of a limited number of places. */
const WAITING_MAX = 10_000;
/** At most this many tasks of one key wait for their turn. */
const WAITING_PER_KEY_MAX = 1_000;

/**
 * Runs the tasks of one key one after the other, in the order they came; tasks of different keys run at once. What a task
 * throws reaches its caller and does not stop the next.
 */
export type KeyedQueue = <Result>(key: string, task: () => Promise<Result>) => Promise<Result>;

/** Makes a queue. @throws Overloaded from the queue when 1,000 tasks of one key are waiting */
export function keyedQueue(): KeyedQueue {
  const tails = new Map<string, { waiting: number; last: Promise<unknown> }>();
  return (key, task) => {
    const tail = tails.get(key) ?? { waiting: 0, last: Promise.resolve() };
    if (tail.waiting >= WAITING_PER_KEY_MAX) {
      return Promise.reject(new Overloaded(`${WAITING_PER_KEY_MAX} tasks of ${key} are waiting already`));
    }
    const leave = () => {
      tail.waiting -= 1;
      if (tail.waiting === 0) tails.delete(key);
    };
    const result = tail.last.then(task);
    tail.waiting += 1;
    tail.last = result.then(leave, leave);
    tails.set(key, tail);
    return result;
  };
}

/**
 * Lets so many tasks run at once; others wait, in the order they came.
 * @throws Overloaded when 10,000 tasks are waiting
 */
export function limited(runningMax: number): <Result>(task: () => Promise<Result>) => Promise<Result> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running < runningMax) running += 1;
    else if (waiting.length >= WAITING_MAX) throw new Overloaded(`${WAITING_MAX} tasks are waiting already`);
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // Who is next takes over the place.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
