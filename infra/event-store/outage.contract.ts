import { setTimeout as pass } from 'node:timers/promises';
import { JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { parsePosition } from '@stratum/contracts/envelope.ts';
import { describe, expect, it } from 'vitest';
import { startProxy } from '../testing/proxy.ts';
import { waitFor } from '../testing/waitFor.ts';
import {
  addCapacity,
  capacitiesIn,
  capacityDecider,
  changeOf,
  rivalOf,
  sequenceOf,
  shopfloor,
} from './capacity.fixture.ts';
import { connectNats } from './connection.ts';
import { Unavailable } from './errors.ts';
import { handle } from './handle.ts';
import { openStore, type Store } from './store.ts';

/** Longer than the client waits for an answer. */
const SLOW_MS = 6_000;
/** Three servers that were all killed may need so long until each of their parts has a leader again. */
const FAIL_OVER_MS_MAX = 30_000;

/** A log that can be mistreated. */
export type RealLog = {
  /** A connection that nothing happens to but what happens to the servers. */
  nc: NatsConnection;
  /** Of a server, for clients that come through a proxy. */
  port: number;
  /** Kills one server, the one that decides, and starts it again. */
  killOne(): Promise<void>;
  /** Kills all there are, and starts them again. */
  killAll(): Promise<void>;
  /** Halts so many servers that nothing can be stored. */
  freeze(): Promise<void>;
  thaw(): void;
  makeStreams(): Promise<void>;
};

/** Registers what a store on real servers must do when they or the network fail: each event recorded once, a right answer. */
export function describeOutages(of: () => RealLog): void {
  let count = 0;
  /** Two aggregates and a command id that no test had before, and how to look at the log past all trouble. */
  const fresh = () => {
    count += 1;
    const [a, b] = [shopfloor(`outage-${count}-a`), shopfloor(`outage-${count}-b`)];
    const log = openStore(of().nc);
    const read = async () => [capacitiesIn(await log.read(a)), capacitiesIn(await log.read(b))];
    return { a, b, read, id: `outage-${count}` };
  };
  /** A store that comes through a network of its own. */
  const throughProxy = async (options?: { patienceMs: number }) => {
    const proxy = await startProxy(of().port);
    const nc = await connectNats(`nats://127.0.0.1:${proxy.port}`, { name: 'test' });
    const end = async () => {
      await nc.close();
      await proxy[Symbol.asyncDispose]();
    };
    return { proxy, store: openStore(nc, options), [Symbol.asyncDispose]: end };
  };
  const kinds = [
    { kind: 'one event', capacities: [1] },
    { kind: 'a batch', capacities: [1, 2, 3] },
  ];

  it.for(kinds)('answers rightly although the answer is lost with the connection: $kind', async ({ capacities }) => {
    const { a, b, read, id } = fresh();
    await using network = await throughProxy();
    const { proxy, store } = network;
    proxy.pause('toClient');
    const appending = store.append([changeOf(a, 0, ...capacities)], addCapacity(id));
    await expect.poll(read, { timeout: 10_000 }).toEqual([capacities, []]);
    proxy.cut();
    proxy.resume();
    const last = sequenceOf(await appending);
    expect(await read()).toEqual([capacities, []]);
    expect(sequenceOf(await store.append([changeOf(b, 0, 9)], addCapacity(`${id}-next`)))).toBeGreaterThan(last);
  });

  it('tells a rival from itself when the answer is lost', async () => {
    const { a, read, id } = fresh();
    await using network = await throughProxy();
    const { proxy, store } = network;
    proxy.pause('toServer');
    const appending = store.append([changeOf(a, 0, 1)], addCapacity(id));
    await openStore(of().nc).append([changeOf(a, 0, 7)], addCapacity(`${id}-rival`));
    proxy.cut();
    proxy.resume();
    expect(await appending).toEqual({ conflict: [a] });
    expect(await read()).toEqual([[7], []]);
  });

  describe('slowly', { concurrent: true }, () => {
    it.for(kinds)('answers rightly when answers come later than it waits: $kind', async ({ capacities }, test) => {
      const { a, read, id } = fresh();
      await using network = await throughProxy();
      const { proxy, store } = network;
      proxy.pause('toClient');
      const appending = store.append([changeOf(a, 0, ...capacities)], addCapacity(id));
      await pass(SLOW_MS);
      proxy.resume();
      sequenceOf(await appending);
      test.expect(await read()).toEqual([capacities, []]);
    });

    it.for(kinds)('may have recorded what it gave up, and then says so: $kind', async ({ capacities }, test) => {
      const { a, read, id } = fresh();
      await using network = await throughProxy({ patienceMs: 500 });
      const { proxy, store } = network;
      const append = () => store.append([changeOf(a, 0, ...capacities)], addCapacity(id));
      proxy.pause('toServer');
      await test.expect(append()).rejects.toThrow(Unavailable);
      test.expect(await read()).toEqual([[], []]);
      proxy.resume();
      await test.expect.poll(read, { timeout: 10_000 }).toEqual([capacities, []]);
      sequenceOf(await append());
      test.expect(await read()).toEqual([capacities, []]);
    });

    it('keeps every command of 20 writers in a network that is late and breaks off', async (test) => {
      const { a, read, id } = fresh();
      await using network = await throughProxy();
      const { proxy, store } = network;
      proxy.delay(20);
      const told = Array.from({ length: 60 }, (_, n) => {
        const floor = n % 2 === 0 ? a : shopfloor(`${id}-${n}`);
        return handle(rivalOf(store), capacityDecider, floor, addCapacity(`${id}-${n}`, n % 3 === 0 ? 2 : 1));
      });
      for (let recorded = 5; recorded <= 25; recorded += 10) {
        await test.expect.poll(async () => (await read())[0]?.length, { timeout: 20_000 }).toBeGreaterThan(recorded);
        proxy.cut();
      }
      await Promise.all(told);
      test.expect((await read())[0]).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    });
  });

  it('answers rightly when the servers were asleep for longer than it waits', async () => {
    const { a, b, read, id } = fresh();
    const store = openStore(of().nc);
    await of().freeze();
    const appending = [
      store.append([changeOf(a, 0, 1)], addCapacity(id)),
      store.append([changeOf(b, 0, 1, 2)], addCapacity(`${id}-batch`)),
    ];
    await pass(SLOW_MS);
    of().thaw();
    for (const answer of await Promise.all(appending)) sequenceOf(answer);
    expect(await read()).toEqual([[1], [1, 2]]);
  });

  it('loses nothing and doubles nothing when servers are killed under 32 writers', { timeout: 60_000 }, async () => {
    const { id } = fresh();
    const store = openStore(of().nc);
    const floors = Array.from({ length: 8 }, (_, n) => shopfloor(`${id}-${n}`));
    const acknowledged = new Set<number>();
    let isOver = false;
    const write = async (own: Store, w: number) => {
      for (let n = 0; !isOver; n++) {
        const command = addCapacity(`${id}-${w}-${n}`, n % 50 === 49 ? 2 : 1);
        const { position } = await handle(own, capacityDecider, floors[w % 8] ?? shopfloor(id), command);
        acknowledged.add(parsePosition(position).sequence);
      }
    };
    const writing = Array.from({ length: 32 }, (_, w) => write(rivalOf(store), w));
    const someMore = (events: number) => {
      const before = acknowledged.size;
      return expect.poll(() => acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(before + events);
    };
    for (const kill of [of().killOne, of().killAll]) {
      await someMore(100);
      await kill();
    }
    await someMore(100);
    isOver = true;
    await Promise.all(writing);

    const histories = await Promise.all(floors.map((floor) => store.read(floor)));
    for (const events of histories) expect(capacitiesIn(events)).toEqual(events.map((_, n) => n + 1));
    const all = histories.flat();
    expect(new Set(all.map(({ envelope }) => envelope.id)).size).toBe(all.length);
    const sequences = new Set(all.map(({ recorded }) => recorded.sequence));
    expect([...acknowledged].filter((sequence) => !sequences.has(sequence))).toEqual([]);
    const { state } = await (await jetstreamManager(of().nc)).streams.info('PLANT');
    expect(state.messages).toBe(state.last_seq);
  });

  it('says within its patience that there is no stream, and goes on when there is one', {
    timeout: 90_000,
  }, async () => {
    const { a, read, id } = fresh();
    const manager = await jetstreamManager(of().nc);
    const isGone = (error: Error) =>
      error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
    const what = 'PLANT to be deleted, by servers that have just come back';
    await waitFor(() => manager.streams.delete('PLANT').catch(isGone), { what, msMax: FAIL_OVER_MS_MAX });
    const impatient = openStore(of().nc, { patienceMs: 200 });
    const change = [changeOf(a, 0, 1)];
    await expect(impatient.append(change, addCapacity(id))).rejects.toThrow(Unavailable);
    await expect(impatient.append([changeOf(a, 0, 1, 2)], addCapacity(id))).rejects.toThrow(Unavailable);
    await expect(impatient.read(a)).rejects.toThrow(Unavailable);
    const appending = openStore(of().nc, { patienceMs: FAIL_OVER_MS_MAX }).append(change, addCapacity(id));
    const areMade = () =>
      of()
        .makeStreams()
        .then(
          () => true,
          () => false,
        );
    await waitFor(areMade, { what: 'the streams to be made', msMax: FAIL_OVER_MS_MAX });
    sequenceOf(await appending);
    expect(await read()).toEqual([[1], []]);
  });
}
