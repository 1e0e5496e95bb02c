import { describe, expect, it } from 'vitest';
import { addCapacity, capacityDecider, shopfloor } from './capacity.fixture.ts';
import { putCheckpoint } from './checkpoint.ts';
import { connectNats } from './connection.ts';
import { isConnected } from './connection-status.ts';
import { Unavailable } from './errors.ts';
import { handle } from './handle.ts';
import { listeningLogger, plantServer } from './plant-server.fixture.ts';
import { type ReactorOptions, readCheckpoint, runReactor } from './reactor.ts';
import { lastSequence } from './reader.ts';
import { openStore, type Store } from './store.ts';
import { bucket } from './streams.ts';

type Plant = Awaited<ReturnType<typeof plantServer>>;

/** Records events on one shopfloor, or on several by turns. */
async function record(store: Store, count: number, floors = 1): Promise<void> {
  for (let n = 0; n < count; n++) {
    await handle(store, capacityDecider, shopfloor(`floor-${n % floors}`), addCapacity(crypto.randomUUID()));
  }
}

type Handler = (event: { sequence: number; floor: string }) => Promise<void> | void;

function startReactor({ nc }: Plant, handler: Handler, options: Partial<ReactorOptions> = {}) {
  const abort = new AbortController();
  const logger = listeningLogger();
  const reactor = runReactor({
    name: 'counter',
    nc,
    stream: 'PLANT',
    signal: abort.signal,
    logger,
    onEvent: async ({ recorded, envelope }) => handler({ sequence: recorded.sequence, floor: envelope.subject }),
    ...options,
  });
  return { ...reactor, abort, logger };
}

describe('a reactor', () => {
  it('gets every event once, and goes on where it ended', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    const seen: number[] = [];
    await record(store, 3);
    const first = startReactor(plant, ({ sequence }) => void seen.push(sequence));
    await first.waitUntil(3);
    await record(store, 2);
    await first.waitUntil(5);
    first.abort.abort();
    await first.stopped;
    expect(first.health()).toEqual({ status: 'stopped' });
    expect((await readCheckpoint(plant.nc, 'counter'))?.sequence).toBe(5);

    await record(store, 2);
    const second = startReactor(plant, ({ sequence }) => void seen.push(sequence));
    await second.waitUntil(7);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
    second.abort.abort();
    await second.stopped;
  });

  it('keeps the order of each subject while others overtake, up to its limit', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 40, 4);
    const gate = Promise.withResolvers<void>();
    const seen: { sequence: number; floor: string }[] = [];
    let atOnce = 0;
    let atOnceMax = 0;
    const reactor = startReactor(
      plant,
      async (event) => {
        atOnce += 1;
        atOnceMax = Math.max(atOnceMax, atOnce);
        if (event.floor === 'floor-0') await gate.promise;
        seen.push(event);
        atOnce -= 1;
      },
      { inFlightMax: 4 },
    );
    await expect.poll(() => seen.length).toBe(9);
    expect(reactor.position()).toBe(0);
    gate.resolve();
    await reactor.waitUntil(40);
    for (const floor of ['floor-0', 'floor-1', 'floor-2', 'floor-3']) {
      const own = seen.filter((event) => event.floor === floor).map((event) => event.sequence);
      expect(own).toHaveLength(10);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
    expect(atOnceMax).toBeLessThanOrEqual(4);
    reactor.abort.abort();
    await reactor.stopped;
  });

  it('stores its checkpoint while it works, never past what is unfinished', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    const gate = Promise.withResolvers<void>();
    const reactor = startReactor(plant, ({ sequence }) => (sequence === 3 ? gate.promise : undefined));
    await record(store, 6, 6);
    const stored = async () => (await readCheckpoint(plant.nc, 'counter'))?.sequence;
    await expect.poll(stored, { timeout: 5_000 }).toBe(2);
    gate.resolve();
    await expect.poll(stored, { timeout: 5_000 }).toBe(6);
    reactor.abort.abort();
    await reactor.stopped;
  });

  it('leaves in the stream what a stalled handler does not take, and holds a bounded number of messages', async () => {
    await using plant = await plantServer();
    const all = 12_000;
    for (let n = 0; n < all; n++) plant.nc.publish(`twins.pump-${n % 100}.telemetry`, 'x'.repeat(1_000));
    await plant.nc.flush();
    await expect.poll(async () => (await lastSequence(plant.nc, 'DEVICES')).last, { timeout: 20_000 }).toBe(all);

    const nc = await connectNats(plant.server.url, { name: 'stalled' });
    const abort = new AbortController();
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const reactor = runReactor({
      name: 'stalled',
      nc,
      stream: 'DEVICES',
      inFlightMax: 8,
      signal: abort.signal,
      logger: listeningLogger(),
      onMessage: async () => {
        begun += 1;
        await gate.promise;
      },
    });
    await expect.poll(() => begun, { timeout: 10_000 }).toBe(8);
    // Longer than a pull request lives, so that another would have brought more.
    const stalledAt = performance.now();
    await expect.poll(() => performance.now() - stalledAt, { timeout: 20_000 }).toBeGreaterThan(5_000);
    expect(begun).toBe(8);
    // 2,000 asked for ahead and 500 more when the first were handed over; heartbeats and answers.
    expect(nc.stats().inMsgs).toBeLessThan(3_000);
    gate.resolve();
    await reactor.waitUntil(all, 30_000);
    expect(begun).toBe(all);
    abort.abort();
    await reactor.stopped;
    await nc.close();
  }, 90_000);

  it('tries a failing handler again', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 2);
    let failures = 0;
    const reactor = startReactor(plant, () => {
      if (failures < 3) throw new Error(`failure ${++failures}`);
    });
    await reactor.waitUntil(2);
    expect(reactor.health()).toEqual({ status: 'running' });
    expect(reactor.logger.lines.filter((line) => line.includes('trying again'))).toHaveLength(3);
    reactor.abort.abort();
    await reactor.stopped;
  });

  it('stops where a handler keeps failing, says so, and begins there again', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 5, 5);
    const broken = startReactor(plant, ({ sequence }) => {
      if (sequence === 3) throw new Error('out of paper');
    });
    await expect(broken.stopped).rejects.toThrow('failed 6 times at PLANT:3');
    await expect(broken.waitUntil(3)).rejects.toThrow('PLANT:3');
    expect(broken.health()).toMatchObject({ status: 'stopped', error: expect.stringContaining('PLANT:3') });
    expect((await readCheckpoint(plant.nc, 'counter'))?.sequence).toBe(2);

    const seen: number[] = [];
    const mended = startReactor(plant, ({ sequence }) => void seen.push(sequence));
    await mended.waitUntil(5);
    expect(seen[0]).toBe(3);
    mended.abort.abort();
    await mended.stopped;
  });

  it('hands over nothing of a subject behind what it gave up on', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 3);
    const seen: number[] = [];
    const broken = startReactor(plant, ({ sequence }) => {
      seen.push(sequence);
      if (sequence === 1) throw new Error('out of paper');
    });
    await expect(broken.stopped).rejects.toThrow('failed 6 times at PLANT:1');
    expect(seen).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('waits as long as it takes for a server that is away', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 1);
    let failures = 0;
    const reactor = startReactor(plant, () => {
      failures += 1;
      if (failures <= 8) throw new Unavailable('the server is away');
    });
    await reactor.waitUntil(1);
    await plant.server.kill();
    await plant.server.restart();
    await record(store, 3);
    await reactor.waitUntil(4, 15_000);
    reactor.abort.abort();
    await reactor.stopped;
  });

  it('does not set back the checkpoint of one that took over and is further on', async () => {
    await using plant = await plantServer();
    const { created } = await lastSequence(plant.nc, 'PLANT');
    const checkpoints = await bucket(plant.nc, 'checkpoints');
    await putCheckpoint(checkpoints, 'counter', { sequence: 10, created });
    await putCheckpoint(checkpoints, 'counter', { sequence: 7, created });
    expect((await readCheckpoint(plant.nc, 'counter'))?.sequence).toBe(10);
    const sequences = Array.from({ length: 8 }, (_, number) => 20 - number);
    await Promise.all(sequences.map((sequence) => putCheckpoint(checkpoints, 'counter', { sequence, created })));
    expect((await readCheckpoint(plant.nc, 'counter'))?.sequence).toBe(20);
    const later = new Date(Date.parse(created) + 1_000).toISOString();
    await putCheckpoint(checkpoints, 'counter', { sequence: 2, created: later });
    expect(await readCheckpoint(plant.nc, 'counter')).toEqual({ sequence: 2, created: later });
  });

  it('begins when NATS is there, and asks for nothing while it is away', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 2);
    await plant.server.kill();
    await expect.poll(() => isConnected(plant.nc)).toBe(false);
    const reactor = startReactor(plant, () => undefined);
    await plant.server.restart();
    await reactor.waitUntil(2, 15_000);
    reactor.abort.abort();
    await reactor.stopped;
  });

  it('does not begin when the log has lost what it has read', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 3);
    const { created } = await lastSequence(plant.nc, 'PLANT');
    const checkpoints = await bucket(plant.nc, 'checkpoints');
    await checkpoints.put('counter', JSON.stringify({ sequence: 4, created }));
    const reactor = startReactor(plant, () => undefined);
    await expect(reactor.stopped).rejects.toThrow('the log was lost');
    expect(reactor.health().status).toBe('stopped');
  });

  it('gives messages as they came to those who ask for them', async () => {
    await using plant = await plantServer();
    plant.nc.publish('twins.drillrig1.telemetry', 'not even JSON');
    await expect.poll(async () => (await lastSequence(plant.nc, 'DEVICES')).last).toBe(1);
    const abort = new AbortController();
    const seen: string[] = [];
    const reactor = runReactor({
      name: 'gateway',
      nc: plant.nc,
      stream: 'DEVICES',
      signal: abort.signal,
      logger: listeningLogger(),
      onMessage: async ({ subject, data }) => void seen.push(`${subject}: ${new TextDecoder().decode(data)}`),
    });
    await reactor.waitUntil(1);
    expect(seen).toEqual(['twins.drillrig1.telemetry: not even JSON']);
    abort.abort();
    await reactor.stopped;
  });
});
