import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import mqtt from 'mqtt';
import { expect, inject, test } from 'vitest';
import { freshDatabase } from './mongo.ts';
import { startNats } from './nats.ts';

test('a nats-server stores what is published, over NATS and over MQTT, and keeps it when it is killed', async () => {
  await using server = await startNats({ mqtt: true });
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'PROBE', subjects: ['probe.>'] });
  await jetstream(connection).publish('probe.nats', '1');
  const client = await mqtt.connectAsync(server.mqttUrl);
  await client.publishAsync('probe/mqtt', '2', { qos: 1 });
  await client.endAsync();
  await connection.close();
  const pidBefore = server.pid;
  await server.kill();
  await server.restart();
  const later = await connect({ servers: server.url });
  const info = await (await jetstreamManager(later)).streams.info('PROBE', { subjects_filter: '>' });
  expect(info.state.subjects).toEqual({ 'probe.nats': 1, 'probe.mqtt': 1 });
  expect(server.pid).not.toBe(pidBefore);
  await later.close();
});

test('two fresh databases do not see each other and are gone afterwards', async () => {
  const names: string[] = [];
  {
    await using one = await freshDatabase();
    await using other = await freshDatabase();
    names.push(one.name, other.name);
    await one.db.collection<{ _id: string; n: number }>('things').insertOne({ _id: 'a', n: 1 });
    expect(await one.db.collection<{ _id: string }>('things').findOne({ _id: 'a' })).toEqual({ _id: 'a', n: 1 });
    expect(await other.db.collection<{ _id: string }>('things').findOne({ _id: 'a' })).toBeNull();
  }
  await using third = await freshDatabase();
  const { databases } = await third.client.db('admin').admin().listDatabases();
  expect(databases.map((database) => database.name).filter((name) => names.includes(name))).toEqual([]);
  expect(inject('mongodbUri')).toMatch(/^mongodb:/);
});
