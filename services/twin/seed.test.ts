import { handle } from '@stratum/infra/event-store/handle.ts';
import { memoryStore } from '@stratum/infra/event-store/memory.ts';
import { expect, test } from 'vitest';
import { catalogueTwins, seedTwins } from './seed.ts';
import { type TwinCommand, twinDecider } from './twin.ts';

const now = () => new Date('2026-11-24T20:00:00Z');
const at = (id: string) => ({ site: 'main', entity: 'twin', id }) as const;

test('seeding twice commissions each twin of the catalogue once', async () => {
  const store = memoryStore();
  await Promise.all([seedTwins({ store, now }), seedTwins({ store, now })]);
  await seedTwins({ store, now });
  expect(catalogueTwins).toHaveLength(8);
  for (const definition of catalogueTwins) {
    const events = await store.read(at(definition.twinId));
    expect(events.map(({ type, data }) => ({ type, data }))).toEqual([{ type: 'TwinCommissioned', data: definition }]);
  }
});

test('seeding leaves a twin alone that somebody commissioned otherwise', async () => {
  const store = memoryStore();
  const [rig] = catalogueTwins;
  if (rig === undefined) throw new Error('the catalogue is empty');
  const command: TwinCommand = {
    id: 'c1',
    type: 'CommissionTwin',
    data: { ...rig, name: 'Our own rig' },
    actor: 'account:a1',
    correlationId: 'r1',
    time: now().toISOString(),
  };
  await handle(store, twinDecider, at(rig.twinId), command);
  await seedTwins({ store, now });
  expect(await store.read(at(rig.twinId))).toHaveLength(1);
  expect(await store.read(at('turbine1'))).toHaveLength(1);
});
