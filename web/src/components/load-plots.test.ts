import { expect, it } from 'vitest';
import { loadPlots } from './load-plots.ts';
import type * as plots from './plot.ts';

const library = {} as typeof plots;

it('asks for the plot library again until the server is back, with growing pauses', async () => {
  const pauses: number[] = [];
  let tries = 0;
  const load = async () => {
    tries += 1;
    if (tries < 4) throw new TypeError('Failed to fetch dynamically imported module');
    return library;
  };
  const loaded = await loadPlots(new AbortController().signal, load, async (ms) => void pauses.push(ms));
  expect(loaded).toBe(library);
  expect(pauses).toEqual([500, 1_000, 2_000]);
});

it('gives up when the page has gone', async () => {
  const page = new AbortController();
  const load = () => Promise.reject(new Error('Unable to preload CSS'));
  expect(await loadPlots(page.signal, load, async () => page.abort())).toBeUndefined();
});
