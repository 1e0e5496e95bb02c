import { jetstreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { plantServer } from './plant-server.fixture.ts';
import { bucket, ensureStreams, StreamDiffers } from './streams.ts';

describe('making the streams', () => {
  it('may be done again and again', async () => {
    await using plant = await plantServer();
    const manager = await jetstreamManager(plant.nc);
    const before = await manager.streams.info('PLANT');
    await ensureStreams(plant.nc);
    expect((await manager.streams.info('PLANT')).config).toEqual(before.config);
  });

  it('brings how long readings are kept up to date', async () => {
    await using plant = await plantServer();
    const manager = await jetstreamManager(plant.nc);
    await manager.streams.update('TELEMETRY', { max_age: nanos(1_000_000) });
    await ensureStreams(plant.nc);
    expect((await manager.streams.info('TELEMETRY')).config.max_age).toBe(nanos(90 * 86_400_000));
  });

  it('refuses a stream that could not keep what is promised', async () => {
    await using plant = await plantServer();
    const manager = await jetstreamManager(plant.nc);
    await manager.streams.delete('PLANT');
    await manager.streams.add({ name: 'PLANT', subjects: ['plant.>'] });
    await expect(ensureStreams(plant.nc)).rejects.toThrow(StreamDiffers);
    await expect(ensureStreams(plant.nc)).rejects.toThrow('deny_delete is false, needed is true');
  });

  it('opens buckets, of which some forget', async () => {
    await using plant = await plantServer();
    const manager = await jetstreamManager(plant.nc);
    const accounts = await bucket(plant.nc, 'accounts');
    await accounts.create('a', '1');
    expect((await (await bucket(plant.nc, 'accounts')).get('a'))?.string()).toBe('1');
    await bucket(plant.nc, 'sessions');
    expect((await manager.streams.info('KV_accounts')).config.max_age).toBe(0);
    expect((await manager.streams.info('KV_sessions')).config.max_age).toBe(nanos(7 * 86_400_000));
  });
});
