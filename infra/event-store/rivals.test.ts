import fc from 'fast-check';
import { describe, it } from 'vitest';
import { memoryStore } from './memory.ts';
import { checkClaims, checkTellings, claims, type Rivals, tellings } from './rivals.contract.ts';
import type { Store } from './store.ts';

/** The same log for a process of its own, whose every call begins and is answered when the scheduler says so. */
function scheduled(store: Store, scheduler: fc.Scheduler): Store {
  const sometime = () => scheduler.schedule(Promise.resolve());
  const late =
    <Arguments extends unknown[], Result>(call: (...args: Arguments) => Promise<Result>) =>
    async (...args: Arguments) => {
      await sometime();
      const result = await call(...args);
      await sometime();
      return result;
    };
  return { read: store.read, history: late(store.history), append: late(store.append) };
}

describe('rivals on a log in memory, in any order of their steps', () => {
  const check = async <Input>(law: (rivals: Rivals, input: Input) => Promise<void>, input: Input, s: fc.Scheduler) => {
    const store = memoryStore();
    const processes = Array.from({ length: 3 }, () => scheduled(store, s));
    await s.waitFor(law({ processes, run: 'run' }, input));
  };

  it('one claim wins per guard', async () => {
    const law = fc.asyncProperty(claims, fc.scheduler(), (input, s) => check(checkClaims, input, s));
    await fc.assert(law, { numRuns: 500 });
  });

  it('each command is recorded once, or truly refused', async () => {
    const law = fc.asyncProperty(tellings, fc.scheduler(), (input, s) => check(checkTellings, input, s));
    await fc.assert(law, { numRuns: 500 });
  });
});
