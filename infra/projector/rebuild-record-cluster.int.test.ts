import type { RebuildRun } from '@stratum/contracts/rebuild.ts';
import { expect, test, vi } from 'vitest';
import { isAway } from '../event-store/errors.ts';
import { deciderOf, plantCluster } from '../event-store/plant-server.fixture.ts';
import { bucket } from '../event-store/streams.ts';
import { retrying } from '../event-store/wait.ts';
import { openRebuildRecord } from './rebuild-record.ts';

test('the end of a rebuild is recorded although three servers have not agreed yet on how far it was', async () => {
  vi.stubEnv('STREAM_REPLICAS', '3');
  await using plant = await plantCluster();
  await bucket(plant.nc, 'rebuilds');
  await using decider = await deciderOf(plant, 'KV_rebuilds');
  const record = await openRebuildRecord(decider.nc);
  const run: RebuildRun = {
    id: 'rebuild-1',
    by: 'account:auditor',
    state: 'running',
    begunAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
    read: [],
    comparing: null,
    modelCount: 1,
    models: [],
    error: null,
  };
  await record.begin(run);
  const written: string[] = [];
  decider.nc.subscribe('$KV.rebuilds.*', { callback: (_error, { subject }) => void written.push(subject) });
  await decider.haltOthers();
  const tellingHowFar = record.update({ ...run, comparing: { name: 'seen', documents: 1 } });
  const ended: RebuildRun = { ...run, state: 'finished', endedAt: '2026-01-01T00:01:00.000Z' };
  const tellingTheEnd = retrying(() => record.update(ended), { isWorthATry: isAway });
  tellingTheEnd.catch(() => undefined);
  await expect.poll(() => written.length).toBeGreaterThanOrEqual(3);
  decider.letOthersGoOn();
  await Promise.all([tellingHowFar, tellingTheEnd]);
  expect((await record.look()).run).toEqual(ended);
  vi.unstubAllEnvs();
}, 90_000);
