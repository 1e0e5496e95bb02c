import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TestNats } from '../testing/nats.ts';
import { waitFor } from '../testing/waitFor.ts';
import { connectNats } from './connection.ts';
import { holdLease, type Lease } from './lease.ts';
import { leaseEntry } from './lease-entry.ts';
import { listeningLogger, plantServer } from './plant-server.fixture.ts';

let plant: Awaited<ReturnType<typeof plantServer>>;
let leases = 0;
beforeAll(async () => {
  plant = await plantServer();
});
afterAll(() => plant[Symbol.asyncDispose]());

const PATIENT = { msMax: 20_000 };

/** A lease of a name of its own, and how to want it. */
function someLease(): { name: string; want: (owner: string) => Want } {
  leases += 1;
  const name = `test.${leases}`;
  return { name, want: (owner) => want(plant.nc, name, owner) };
}

type Want = { leave: () => void; lease: Promise<Lease | undefined>; held: () => Promise<Lease>; lines: string[] };

function want(nc: NatsConnection, name: string, owner: string): Want {
  const leaving = new AbortController();
  const logger = listeningLogger();
  const lease = holdLease(nc, name, { owner, signal: leaving.signal, logger });
  const held = async () => {
    const taken = await lease;
    if (taken === undefined) throw new Error(`${owner} left before it held ${name}`);
    return taken;
  };
  return { leave: () => leaving.abort(), lease, held, lines: logger.lines };
}

/** A process of its own that holds the lease and says so; it is killed at the end of the test. */
async function holderProcess(
  server: TestNats,
  name: string,
): Promise<{ child: ChildProcess; says: string[] } & AsyncDisposable> {
  const program = fileURLToPath(new URL('./lease-holder.fixture.ts', import.meta.url));
  const child = spawn(process.execPath, [program, server.url, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const says: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => says.push(line));
  await waitFor(() => says.length > 0, { what: 'the other process to hold the lease', ...PATIENT });
  return {
    child,
    says,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('a lease', () => {
  it('has one holder, and the next in line takes over at once when it is released, with a greater term', async () => {
    const { want } = someLease();
    const first = await want('first').held();
    const second = want('second');
    await waitFor(() => second.lines.includes('waiting for the lease'), { what: 'the second to wait', ...PATIENT });
    expect(first.isHeld()).toBe(true);

    const releasedAt = performance.now();
    await first.release();
    expect(first.isHeld()).toBe(false);
    expect(first.signal.aborted).toBe(true);
    const taken = await second.held();
    // Well before the three seconds that a lease lasts which nobody releases.
    expect(performance.now() - releasedAt).toBeLessThan(2_000);
    expect(taken.term).toBeGreaterThan(first.term);
    await taken.release();
  });

  it('goes to one of many that want it at the same moment', async () => {
    const { want } = someLease();
    const wants = Array.from({ length: 20 }, (_, number) => want(`worker-${number}`));
    const holding: Lease[] = [];
    for (const { lease } of wants) lease.then((taken) => taken !== undefined && holding.push(taken));
    for (let round = 1; round <= wants.length; round++) {
      await waitFor(() => holding.length === round, { what: `holder number ${round}`, ...PATIENT });
      expect(holding.filter((lease) => lease.isHeld())).toHaveLength(1);
      await holding.at(-1)?.release();
    }
    const terms = holding.map(({ term }) => term);
    expect(terms).toEqual(terms.toSorted((a, b) => a - b));
    expect(new Set(terms).size).toBe(wants.length);
  });

  it('is kept for longer than it lasts without renewal, and nobody else gets it', async () => {
    const { want } = someLease();
    const first = await want('first').held();
    const second = want('second');
    const startedAt = performance.now();
    await waitFor(() => performance.now() - startedAt > 4_000, { what: 'more than the lease lasts' });
    expect(first.isHeld()).toBe(true);
    expect(second.lines).toEqual(['waiting for the lease']);
    second.leave();
    expect(await second.lease).toBeUndefined();
    await first.release();
  });

  it('goes to the next within 5 s when its holder is killed', async () => {
    const { name, want } = someLease();
    await using holder = await holderProcess(plant.server, name);
    const next = want('next');
    await waitFor(() => next.lines.includes('waiting for the lease'), { what: 'the next to wait', ...PATIENT });
    const killedAt = performance.now();
    holder.child.kill('SIGKILL');
    const taken = await next.held();
    expect(performance.now() - killedAt).toBeLessThan(5_000);
    await taken.release();
  });

  it('is over for a holder that was stopped for too long, the moment it wakes', async () => {
    const { name, want } = someLease();
    await using holder = await holderProcess(plant.server, name);
    const next = want('next');
    holder.child.kill('SIGSTOP');
    const taken = await next.held();
    const saidBefore = holder.says.length;
    holder.child.kill('SIGCONT');
    await waitFor(() => holder.says.length > saidBefore, { what: 'the stopped holder to speak', ...PATIENT });
    expect(new Set(holder.says.slice(saidBefore))).toEqual(new Set(['lost']));
    expect(taken.isHeld()).toBe(true);
    await taken.release();
  });

  it('is over when the machine slept through its time, which a clock that stands still meanwhile cannot tell', async () => {
    const lease = await someLease().want('sleeper').held();
    const wakesAt = Date.now() + 60_000;
    const wallClock = vi.spyOn(Date, 'now').mockReturnValue(wakesAt);
    expect(lease.isHeld()).toBe(false);
    expect(lease.signal.aborted).toBe(true);
    wallClock.mockRestore();
    expect(lease.isHeld()).toBe(false);
  });

  it('is released although the answer to its last renewal was lost', async () => {
    const { name, want } = someLease();
    const first = want('first');
    const lease = await first.held();
    const entry = leaseEntry(plant.nc, name, 3);
    const { sequence, holder } = await entry.look();
    // What a renewal leaves behind whose answer never came.
    if (holder !== undefined) expect(await entry.claim(holder, sequence)).toBeGreaterThan(sequence);
    await lease.release();
    expect((await entry.look()).holder).toBeUndefined();
    expect(first.lines.at(-1)).toBe('lease released');
  });

  it('is not said to be released when another has it', async () => {
    const { name, want } = someLease();
    const first = want('first');
    const lease = await first.held();
    const entry = leaseEntry(plant.nc, name, 3);
    await entry.claim({ owner: 'rival', id: 'rival' }, (await entry.look()).sequence);
    await lease.release();
    expect((await entry.look()).holder?.owner).toBe('rival');
    expect(first.lines.at(-1)).toBe('lease not released: another has it');
  });

  it('refuses a name and a time that are none', async () => {
    const { signal } = new AbortController();
    const options = { owner: 'x', signal, logger: listeningLogger() };
    await expect(holdLease(plant.nc, 'a b', options)).rejects.toThrow('single dots');
    await expect(holdLease(plant.nc, 'a', { ...options, ttlSeconds: 1.5 })).rejects.toThrow(
      'whole number from 1 to 60',
    );
  });
});

describe('while NATS is away', () => {
  it('the holder stops when its time is over, and whoever waited has it when NATS is back', async () => {
    await using own = await plantServer();
    await using other = await connectionTo(own.server);
    const first = await want(own.nc, 'a', 'first').held();
    const second = want(other.nc, 'a', 'second');
    await waitFor(() => second.lines.includes('waiting for the lease'), { what: 'the second to wait', ...PATIENT });
    await own.server.kill();
    await waitFor(() => first.signal.aborted, { what: 'the holder to stop', ...PATIENT });
    expect(first.isHeld()).toBe(false);
    // One that comes now waits as well.
    const third = want(own.nc, 'a', 'third');
    await own.server.restart();
    const taken = await Promise.race([second.held(), third.held()]);
    expect(taken.isHeld()).toBe(true);
    expect(taken.term).toBeGreaterThan(first.term);
    await taken.release();
    await Promise.all([second.held(), third.held()]).then((both) => Promise.all(both.map((lease) => lease.release())));
  });

  it('a restart that is shorter than the lease costs nothing', async () => {
    await using own = await plantServer();
    const { signal } = new AbortController();
    const lease = await holdLease(own.nc, 'a', { owner: 'first', ttlSeconds: 9, signal, logger: listeningLogger() });
    await own.server.kill();
    await own.server.restart();
    await using other = await connectionTo(own.server);
    const entry = leaseEntry(other.nc, 'a', 9);
    const { sequence, holder } = await entry.look();
    expect(holder?.owner).toBe('first');
    await waitFor(async () => (await entry.look()).sequence > sequence, { what: 'a renewal', ...PATIENT });
    expect(lease?.isHeld()).toBe(true);
    const second = want(other.nc, 'a', 'second');
    await waitFor(() => second.lines.includes('waiting for the lease'), { what: 'the second to wait', ...PATIENT });
    await lease?.release();
    await (await second.held()).release();
  });
});

async function connectionTo(server: TestNats): Promise<{ nc: NatsConnection } & AsyncDisposable> {
  const nc = await connectNats(server.url, { name: 'other' });
  return { nc, [Symbol.asyncDispose]: () => nc.close() };
}
