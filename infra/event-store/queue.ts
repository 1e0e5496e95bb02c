import { Overloaded } from './errors.ts';

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
