import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { expect, test } from 'vitest';
import { freshDatabase } from '../testing/mongo.ts';
import { openDatabase } from './database.ts';

const BACK_MS_MAX = 60_000;

/** What the driver keeps of its looks at a server; not part of what it promises, but the only way to meet the moment. */
type Monitor = { connection: { socket: Socket }; monitorId: { _executeAndReschedule(): void } };

function monitorOf({ client }: Db): Monitor {
  const { topology } = client as unknown as { topology: { s: { servers: Map<string, { monitor: Monitor }> } } };
  const [server] = topology.s.servers.values();
  if (server === undefined) throw new Error('no server is known');
  return server.monitor;
}

test('given a look at the server that begins on a socket which has just ended / when no other look follows / then it connects anew', {
  timeout: 2 * BACK_MS_MAX,
}, async () => {
  await using fresh = await freshDatabase();
  await using opened = await openDatabase(fresh.uri, 'test');
  const { database } = opened;
  await database.collection('things').insertOne({ name: 'before' });
  const monitor = monitorOf(database);
  monitor.connection.socket.destroy();
  monitor.monitorId._executeAndReschedule();
  const ended = Promise.withResolvers<string>();
  database.client.once('serverHeartbeatFailed', () => ended.resolve('failed'));
  database.client.once('serverHeartbeatSucceeded', () => ended.resolve('succeeded'));

  expect(await Promise.race([ended.promise, wait(BACK_MS_MAX, 'no other look')])).toBe('succeeded');
  expect(monitorOf(database)).not.toBe(monitor);
  expect(await database.collection('things').countDocuments()).toBe(1);
});
