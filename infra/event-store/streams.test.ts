import { DiscardPolicy } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { differencesOf, streamSettings } from './streams.ts';

const DAY_NANOS = 86_400_000_000_000;

describe('the settings of the streams', () => {
  it('keep facts for ever and everything else for a time', () => {
    const ages = (environment: Record<string, string>) =>
      Object.fromEntries(streamSettings(environment).map(({ name, max_age }) => [name, (max_age ?? 0) / DAY_NANOS]));
    expect(ages({})).toEqual({ PLANT: 0, TELEMETRY: 90, DEVICES: 3, REFUSED: 30 });
    expect(ages({ TELEMETRY_MAX_AGE_DAYS: '7' })).toMatchObject({ PLANT: 0, TELEMETRY: 7 });
    for (const nonsense of ['0', '-1', 'long']) {
      expect(() => streamSettings({ TELEMETRY_MAX_AGE_DAYS: nonsense })).toThrow('TELEMETRY_MAX_AGE_DAYS');
    }
  });

  it('say how many copies there are only when told', () => {
    const copies = (environment: Record<string, string>) =>
      streamSettings(environment).map((settings) => settings.num_replicas);
    expect(copies({})).toEqual([undefined, undefined, undefined, undefined]);
    expect(copies({ STREAM_REPLICAS: '3' })).toEqual([3, 3, 3, 3]);
  });

  it('differ in words where it matters, and only there', () => {
    const [plant = { name: 'PLANT' }] = streamSettings({});
    expect(differencesOf(plant, plant)).toEqual([]);
    expect(differencesOf(plant, { ...plant, num_replicas: 3, max_age: 5 })).toEqual([]);
    expect(differencesOf(plant, { ...plant, deny_delete: false, discard: DiscardPolicy.Old })).toEqual([
      'discard is "old", needed is "new"',
      'deny_delete is false, needed is true',
    ]);
  });
});
