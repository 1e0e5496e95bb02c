import type { HealthView } from '@stratum/contracts/http.ts';
import { expect, test } from 'vitest';
import { missingIn, openly, READY_LAG_MAX } from './health.ts';

const view = (lag: number, nats: 'ok' | 'failed' = 'ok'): HealthView => ({
  status: 'ok',
  time: '2026-11-24T20:00:00Z',
  parts: { nats: { status: nats }, database: { status: 'ok' }, 'worker/x': { status: 'failed' } },
  projections: [{ name: 'things', position: 1, last: 1 + lag, lag, status: 'running' }],
});

test('requests can be served with both servers and every read model near the end of its log, whatever else fails', () => {
  expect(missingIn(view(0), ['things'])).toEqual([]);
  expect(missingIn(view(READY_LAG_MAX), ['things'])).toEqual([]);
});

test('what is missing is named; without its servers nothing else is worth a word', () => {
  expect(missingIn(view(READY_LAG_MAX + 1), ['things'])).toEqual(['things is 20001 events behind']);
  expect(missingIn(view(0), ['things', 'others'])).toEqual(['others is not there yet']);
  expect(missingIn(view(0, 'failed'), ['others'])).toEqual(['no nats']);
});

test('everybody may read where a projection stopped, but not what the error said', () => {
  const projection = { name: 'orders', position: 7, last: 9, lag: 2, status: 'stopped' } as const;
  const told = openly({ ...projection, error: 'at 8: E11000 duplicate key { email: "anna@x.de" }' });
  expect(told).toEqual({ ...projection, error: 'stopped at 8; its log says why' });
  const silent = { ...projection, error: 'the projector has given no sign of life since 2026-11-24T20:15:00.000Z' };
  expect(openly(silent)).toEqual(silent);
});
