import { expect, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { openStore } from '../event-store/store.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { startNats } from '../testing/nats.ts';
import { openActorNames } from './actor-names.ts';

test('people have the name they registered with; programs and strangers have none', async () => {
  await using nats = await startNats();
  await using nc = await connectNats(nats.url, { name: 'actor-names-test' });
  await ensureStreams(nc);
  const person = { accountId: 'acc-1', email: 'erik@stratum.local', name: 'Erik Owner', role: 'erp-owner' };
  const command = {
    id: 'register:acc-1',
    type: 'RegisterAccount',
    data: person,
    actor: 'account:acc-1',
    correlationId: 'c',
    time: '2026-11-24T20:00:00Z',
  };
  const actorNames = openActorNames(nc);
  expect((await actorNames(['account:acc-1']))('account:acc-1')).toBeNull();

  const aggregate = { site: 'main', entity: 'account', id: 'acc-1' } as const;
  await openStore(nc).append([{ aggregate, after: 0, events: [{ type: 'AccountRegistered', data: person }] }], command);
  const nameOf = await actorNames(['account:acc-1', 'account:acc-1', 'reactor:order', 'account:nobody', 'account:a@b']);
  expect(['account:acc-1', 'reactor:order', 'account:nobody', 'account:a@b'].map(nameOf)).toEqual([
    'Erik Owner',
    null,
    null,
    null,
  ]);
});
