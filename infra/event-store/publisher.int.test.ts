import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { natsServer } from '../local/parts/nats-server.ts';
import { freePorts } from '../local/ports.ts';
import { waitFor } from '../testing/waitFor.ts';
import { addCapacity, capacitySet, shopfloor } from './capacity.fixture.ts';
import { connectNats } from './connection.ts';
import { openStore } from './store.ts';
import { ensureStreams } from './streams.ts';

/** A server with two users: `admin`, who may everything, and `reader`, who may read PLANT over an inbox of its own. */
async function startGuarded(): Promise<{ port: number } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-test-guarded-'));
  const { port } = await freePorts('port');
  const users = [
    { user: 'admin', password: 'p:w@d' },
    {
      user: 'reader',
      password: 'r',
      permissions: { publish: ['$JS.API.DIRECT.GET.PLANT'], subscribe: ['_INBOX_r.>'] },
    },
  ];
  const config = { listen: `127.0.0.1:${port}`, jetstream: { store_dir: folder }, authorization: { users } };
  await writeFile(join(folder, 'nats.conf'), JSON.stringify(config));
  const server = spawn(await natsServer(), ['-c', join(folder, 'nats.conf')], { stdio: 'ignore' });
  return {
    port,
    async [Symbol.asyncDispose]() {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

it('is told at once what a user may not do, and reads over an inbox of its own', async () => {
  await using guarded = await startGuarded();
  const at = `127.0.0.1:${guarded.port}`;
  const connectAdmin = () => connectNats(`nats://admin:p%3Aw%40d@${at}`, { name: 'admin' }).catch(() => undefined);
  const admin = await waitFor(connectAdmin, { what: 'the server to take clients' });
  await ensureStreams(admin);
  await openStore(admin).append([{ aggregate: shopfloor('a'), after: 0, events: [capacitySet(1)] }], addCapacity('a'));

  const reader = await connectNats(`nats://reader:r@${at}`, { name: 'reader', inboxPrefix: '_INBOX_r' });
  const store = openStore(reader);
  expect(await store.read(shopfloor('a'))).toHaveLength(1);
  const forbidden = store.append([{ aggregate: shopfloor('b'), after: 0, events: [capacitySet(1)] }], addCapacity('b'));
  await expect(forbidden).rejects.toMatchObject({ name: 'ServerRefused', code: 403 });
  await Promise.all([admin.close(), reader.close()]);
});

it('does not connect with a wrong password', async () => {
  await using guarded = await startGuarded();
  const connecting = () =>
    connectNats(`nats://admin:wrong@127.0.0.1:${guarded.port}`, { name: 'admin' }).catch(
      (error: Error) => error.message,
    );
  const refused = async () => (await connecting()) === 'Authorization Violation';
  await waitFor(refused, { what: 'the server to refuse' });
});
