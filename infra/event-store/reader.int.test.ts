import { jetstreamManager } from '@nats-io/jetstream';
import { beforeEach, describe, expect, it } from 'vitest';
import { addCapacity, capacitySet, shopfloor } from './capacity.fixture.ts';
import { LogLost } from './errors.ts';
import { plantServer } from './plant-server.fixture.ts';
import { lastSequence, type RawMessage, readStream } from './reader.ts';
import { openStore, type Store } from './store.ts';

type Plant = Awaited<ReturnType<typeof plantServer>>;

let told = 0;
beforeEach(() => {
  told = 0;
});

/** Records events, each on an aggregate of its own. */
async function record(store: Store, count: number): Promise<void> {
  const names = Array.from({ length: count }, () => `floor-${told++}`);
  await Promise.all(
    names.map((name) =>
      store.append([{ aggregate: shopfloor(name), after: 0, events: [capacitySet(1)] }], addCapacity(name)),
    ),
  );
}

/** Starts reading from a sequence and keeps what comes. */
function startReading({ nc }: Plant, from: number) {
  const abort = new AbortController();
  const sequences: number[] = [];
  const batches: number[] = [];
  const troubles: string[] = [];
  const ended = readStream(nc, {
    stream: 'PLANT',
    from,
    signal: abort.signal,
    onTrouble: (error) => troubles.push(error.message),
    onBatch: async (batch: RawMessage[]) => {
      batches.push(batch.length);
      sequences.push(...batch.map((message) => message.sequence));
    },
  });
  ended.catch(() => undefined);
  const until = (count: number) => expect.poll(() => sequences.length, { timeout: 15_000 }).toBe(count);
  return { abort, sequences, batches, troubles, ended, until };
}

const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, n) => from + n);

describe('reading a stream', () => {
  it('ends also when it is told to while it opens, and nothing comes', async () => {
    await using plant = await plantServer();
    const readings = Array.from({ length: 60 }, () => startReading(plant, 1));
    for (const { abort } of readings) {
      // A round trip further in its opening each.
      await plant.nc.flush();
      abort.abort();
    }
    await Promise.all(readings.map(({ ended }) => ended));
  });

  it('gives what is stored, then what comes, from the sequence asked for', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 2_500);
    const reading = startReading(plant, 101);
    await reading.until(2_400);
    await record(store, 10);
    await reading.until(2_410);
    reading.abort.abort();
    await reading.ended;
    expect(reading.sequences).toEqual(upTo(2_510, 101));
    expect(Math.max(...reading.batches)).toBeGreaterThan(500);
    expect(Math.max(...reading.batches)).toBeLessThanOrEqual(1_000);
  });

  it('goes on without a gap when the server is killed and comes back', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    const reading = startReading(plant, 1);
    for (const round of [1, 2]) {
      await record(store, 300);
      await reading.until(600 * round - 300);
      const recording = record(store, 300);
      await plant.server.kill();
      await plant.server.restart();
      await recording;
      await reading.until(600 * round);
    }
    reading.abort.abort();
    await reading.ended;
    expect(reading.sequences).toEqual(upTo(1_200));
  });

  it('goes on without a gap when its consumer is lost on the server', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 5);
    const reading = startReading(plant, 1);
    await reading.until(5);
    const manager = await jetstreamManager(plant.nc);
    for await (const { name } of manager.consumers.list('PLANT')) await manager.consumers.delete('PLANT', name);
    await record(store, 5);
    await reading.until(10);
    reading.abort.abort();
    await reading.ended;
    expect(reading.sequences).toEqual(upTo(10));
  });

  it('holds back while its reader is busy, for longer than heartbeats are missed', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 3_000);
    const abort = new AbortController();
    const sequences: number[] = [];
    const gate = Promise.withResolvers<void>();
    setTimeout(gate.resolve, 2_500);
    const ended = readStream(plant.nc, {
      stream: 'PLANT',
      from: 1,
      signal: abort.signal,
      onMessage: async ({ sequence }) => {
        sequences.push(sequence);
        if (sequence === 10) await gate.promise;
        if (sequence === 3_000) abort.abort();
      },
    });
    await ended;
    expect(sequences).toEqual(upTo(3_000));
  });

  it('leaves no consumer behind', async () => {
    await using plant = await plantServer();
    const reading = startReading(plant, 1);
    const manager = await jetstreamManager(plant.nc);
    const consumers = async () => (await manager.consumers.list('PLANT').next()).length;
    await expect.poll(consumers).toBe(1);
    reading.abort.abort();
    await reading.ended;
    await expect.poll(consumers).toBe(0);
  });

  it('ends with what the handler throws', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 1);
    const ended = readStream(plant.nc, {
      stream: 'PLANT',
      from: 1,
      signal: new AbortController().signal,
      onMessage: () => {
        throw new Error('not this one');
      },
    });
    await expect(ended).rejects.toThrow('not this one');
  });

  it('refuses a log that is shorter than what was read, or another than was read', async () => {
    await using plant = await plantServer();
    await using store = openStore(plant.nc);
    await record(store, 3);
    await expect(startReading(plant, 5).ended).rejects.toThrow(LogLost);
    const { created } = await lastSequence(plant.nc, 'PLANT');
    expect(created).not.toBe('2020-01-01T00:00:00Z');
    const other = { stream: 'PLANT', from: 1, created: '2020-01-01T00:00:00Z', onMessage: () => undefined } as const;
    await expect(readStream(plant.nc, { ...other, signal: AbortSignal.timeout(5_000) })).rejects.toThrow(
      'created anew',
    );
  });
});
