import { expect, it } from 'vitest';
import { waitFor } from '../testing/waitFor.ts';
import { everyMs, waitMs } from './wait.ts';

it('does something again and again, never twice at once, however long it takes', async () => {
  const ending = new AbortController();
  let begun = 0;
  let atOnce = 0;
  let atOnceMax = 0;
  const task = async () => {
    begun += 1;
    atOnce += 1;
    atOnceMax = Math.max(atOnceMax, atOnce);
    await waitMs(20);
    atOnce -= 1;
  };
  const ended = everyMs(1, task, ending.signal, () => undefined);
  await waitFor(() => begun === 5, { what: 'five times' });
  ending.abort();
  await ended;
  expect([atOnceMax, atOnce]).toEqual([1, 0]);
});

it('goes on after a failure, and says it', async () => {
  const ending = new AbortController();
  const told: unknown[] = [];
  const task = () => Promise.reject(new Error('no answer'));
  const ended = everyMs(1, task, ending.signal, (error) => told.push(error));
  await waitFor(() => told.length >= 3, { what: 'three failures to be told' });
  ending.abort();
  await ended;
});
