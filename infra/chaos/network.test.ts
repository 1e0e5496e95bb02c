import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { waitFor } from '../testing/waitFor.ts';
import { layNetwork } from './network.ts';

/** A server that says everything back. */
async function echo() {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => void server.close() };
}

/** Somebody who says a name, and hears it back. */
async function client(port: number, name: string) {
  const socket: Socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.on('data', (bytes) => {
    heard += bytes.toString();
  });
  socket.on('error', () => undefined);
  socket.write(name);
  return { socket, heard: () => heard };
}

test('a cut drops the named clients alone, and refuses them until it is healed', async () => {
  using server = await echo();
  await using network = await layNetwork(server.port);
  const [worker, api] = [await client(network.port, 'worker'), await client(network.port, 'api')];
  await waitFor(() => worker.heard() === 'worker' && api.heard() === 'api', { what: 'both to be heard' });

  const heal = network.cut('dropped', ['worker']);
  await waitFor(() => worker.socket.destroyed, { what: 'the worker to be dropped' });
  const again = await client(network.port, 'worker');
  await waitFor(() => again.socket.destroyed, { what: 'the worker to be refused' });
  api.socket.write('!');
  await waitFor(() => api.heard() === 'api!', { what: 'the other to be heard' });

  heal();
  const healed = await client(network.port, 'worker');
  await waitFor(() => healed.heard() === 'worker', { what: 'the worker to be heard again' });
});

test('in a silent cut connections stand and nothing gets through; healed, they are dropped', async () => {
  using server = await echo();
  await using network = await layNetwork(server.port);
  const one = await client(network.port, 'one');
  await waitFor(() => one.heard() === 'one', { what: 'to be heard' });

  const heal = network.cut('silent');
  one.socket.write(' more');
  const other = await client(network.port, 'other');
  await waitFor(() => network.connections === 2, { what: 'both to be connected' });
  heal();
  await waitFor(() => one.socket.destroyed && other.socket.destroyed, { what: 'both to be dropped' });
  expect([one.heard(), other.heard()]).toEqual(['one', '']);

  const healed = await client(network.port, 'healed');
  await waitFor(() => healed.heard() === 'healed', { what: 'to be heard again' });
});

test('before several servers, one that is away is passed over', async () => {
  using one = await echo();
  const away = await echo();
  away[Symbol.dispose]();
  await using network = await layNetwork(away.port, one.port);
  for (const name of ['first', 'second']) {
    const { heard } = await client(network.port, name);
    await waitFor(() => heard() === name, { what: `the ${name} to be heard` });
  }
});
