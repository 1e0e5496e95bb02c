import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { parsePosition } from '@stratum/contracts/envelope.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNats, type TestNats } from '../testing/nats.ts';
import { describeBatches } from './batch.contract.ts';
import { addCapacity, capacityDecider, changeOf, rivalOf, shopfloor } from './capacity.fixture.ts';
import { connectNats } from './connection.ts';
import { Unavailable } from './errors.ts';
import { describeStore } from './event-store.contract.ts';
import { handle } from './handle.ts';
import { openStore, type Store } from './store.ts';
import { ensureStreams } from './streams.ts';

let server: TestNats;
let nc: NatsConnection;
let store: Store;

beforeAll(async () => {
  server = await startNats();
  nc = await connectNats(server.url, { name: 'test' });
  await ensureStreams(nc);
  store = openStore(nc);
});

afterAll(async () => {
  await nc?.close();
  await server?.[Symbol.asyncDispose]();
});

describe('the store on NATS', () => {
  describeStore(() => openStore(nc));
  describeBatches(() => openStore(nc));
});

describe('the store on NATS, when things go wrong', () => {
  it('says within its patience that there is no stream', async () => {
    await using bare = await startNats();
    const connection = await connectNats(bare.url, { name: 'test' });
    const patient = openStore(connection, { patienceMs: 200 });
    await expect(patient.append([changeOf(shopfloor('a'), 0, 1)], addCapacity('c'))).rejects.toThrow(Unavailable);
    await expect(patient.read(shopfloor('a'))).rejects.toThrow(Unavailable);
    await connection.close();
  });

  it('keeps all of 40 two-event commands told at once', async () => {
    const floors = Array.from({ length: 40 }, (_, n) => shopfloor(`pair-${n}`));
    await Promise.all(floors.map((floor) => handle(store, capacityDecider, floor, addCapacity(`pair-${floor.id}`, 2))));
    for (const floor of floors) expect(await store.read(floor)).toHaveLength(2);
  });

  it('loses nothing and doubles nothing when the server is killed under 32 writers', async () => {
    const writers = Array.from({ length: 32 }, (_, w) => ({
      own: rivalOf(store),
      floor: shopfloor(`killed-${w % 8}`),
    }));
    const acknowledged = new Set<number>();
    let isOver = false;
    const write = async ({ own, floor }: (typeof writers)[number], w: number) => {
      for (let n = 0; !isOver; n++) {
        const command = addCapacity(`killed-${w}-${n}`, n % 50 === 49 ? 2 : 1);
        const { position } = await handle(own, capacityDecider, floor, command);
        acknowledged.add(parsePosition(position).sequence);
      }
    };
    const writing = writers.map(write);
    for (const round of [1, 2]) {
      const before = acknowledged.size;
      await expect.poll(() => acknowledged.size, { timeout: 10_000 }).toBeGreaterThan(before + 100 * round);
      await server.kill();
      await server.restart();
    }
    const restarted = acknowledged.size;
    await expect.poll(() => acknowledged.size, { timeout: 10_000 }).toBeGreaterThan(restarted + 100);
    isOver = true;
    await Promise.all(writing);

    const sequences = new Set<number>();
    for (let f = 0; f < 8; f++) {
      const events = await store.read(shopfloor(`killed-${f}`));
      const capacities = events.map((event) =>
        event.type === 'CapacitySet' ? event.data.capacityPerHour : Number.NaN,
      );
      expect(capacities).toEqual(capacities.map((_, n) => n + 1));
      expect(new Set(events.map((event) => event.envelope.id)).size).toBe(events.length);
      for (const event of events) sequences.add(event.recorded.sequence);
    }
    expect([...acknowledged].filter((sequence) => !sequences.has(sequence))).toEqual([]);
    const manager = await jetstreamManager(nc);
    const { state } = await manager.streams.info('PLANT');
    expect(state.messages).toBe(state.last_seq);
  });
});
