import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { leaseEntry } from '../event-store/lease-entry.ts';
import { listeningLogger, plantServer } from '../event-store/plant-server.fixture.ts';
import { bucket } from '../event-store/streams.ts';
import type { TestNats } from '../testing/nats.ts';
import { waitFor } from '../testing/waitFor.ts';
import { openLeadership, type Term } from './leadership.ts';
import { openPresence } from './presence.ts';

const TASKS = ['a', 'b', 'c', 'd'];
const PATIENT = { msMax: 20_000 };

let plant: Awaited<ReturnType<typeof plantServer>>;
let programs = 0;
const members: TestMember[] = [];
beforeAll(async () => {
  plant = await plantServer();
});
afterEach(async () => {
  for (const member of members.splice(0)) await member.end();
});
afterAll(() => plant[Symbol.asyncDispose]());

type TestMember = {
  id: string;
  leads(): string[];
  /** How often it began to lead something. */
  terms: { task: string; number: number }[];
  setAble(task: string, isAble: boolean): void;
  /** As when the process is killed: nothing is told or released any more. */
  crash(): Promise<void>;
  end(): Promise<void>;
};

/** A process that leads what it can, over a connection of its own. */
async function join(program: string, id: string, server: TestNats = plant.server): Promise<TestMember> {
  const nc = await connectNats(server.url, { name: id });
  const ending = new AbortController();
  const { signal } = ending;
  const leadership = openLeadership(nc, { program, id, tasks: TASKS, signal, logger: listeningLogger() });
  const current = new Map<string, Term>();
  const terms: TestMember['terms'] = [];
  const leading = async (task: string) => {
    for (;;) {
      const term = await leadership.lead(task);
      if (term === undefined) return;
      current.set(task, term);
      terms.push({ task, number: term.number });
      if (!term.signal.aborted) await new Promise((resolve) => term.signal.addEventListener('abort', resolve));
      current.delete(task);
      await term.end();
    }
  };
  const all = Promise.allSettled(TASKS.map(leading));
  const member: TestMember = {
    id,
    terms,
    leads: () => [...current.keys()].toSorted(),
    setAble: (task, isAble) => leadership.setAble(task, isAble),
    crash: () => nc.close(),
    async end() {
      ending.abort();
      await all;
      leadership.close();
      await nc.close();
    },
  };
  members.push(member);
  return member;
}

function someProgram(): string {
  programs += 1;
  return `program-${programs}`;
}
const until = (what: string, condition: () => boolean) => waitFor(condition, { what, ...PATIENT });

describe('the processes of a program', () => {
  it('have each their share, and hand it over at once when they end', async () => {
    const program = someProgram();
    const [x, y] = await Promise.all([join(program, 'x'), join(program, 'y')]);
    await until('both to have their share', () => x.leads().join() === 'a,c' && y.leads().join() === 'b,d');

    const endedAt = performance.now();
    await y.end();
    await until('the other to lead all', () => x.leads().length === TASKS.length);
    expect(performance.now() - endedAt).toBeLessThan(2_500);
  });

  it('are followed within 5 s when they are killed', async () => {
    const program = someProgram();
    const [x, y] = await Promise.all([join(program, 'x'), join(program, 'y')]);
    await until('both to have their share', () => x.leads().length === 2 && y.leads().length === 2);
    const killedAt = performance.now();
    await y.crash();
    await until('the other to lead all', () => x.leads().length === TASKS.length);
    expect(performance.now() - killedAt).toBeLessThan(5_000);
  });

  it('give one that has come, and stays, its share, with a greater term', async () => {
    const program = someProgram();
    const x = await join(program, 'x');
    await until('it to lead all', () => x.leads().length === TASKS.length);
    const y = await join(program, 'y');
    await until('the new one to have its share', () => y.leads().join() === 'b,d');
    expect(x.leads()).toEqual(['a', 'c']);
    for (const { task, number } of y.terms) {
      expect(number).toBeGreaterThan(x.terms.find((term) => term.task === task)?.number ?? Number.POSITIVE_INFINITY);
    }
  });

  it('leave what one failed at to another, until it may try again', async () => {
    const program = someProgram();
    const [x, y] = await Promise.all([join(program, 'x'), join(program, 'y')]);
    await until('both to have their share', () => x.leads().length === 2 && y.leads().length === 2);
    x.setAble('a', false);
    await until('the other to lead it', () => y.leads().includes('a'));
    expect(x.leads()).toEqual(['c']);
    x.setAble('a', true);
    await until('it to lead again', () => x.leads().includes('a'));
  });

  it('lead what one of them ought to, but does not', async () => {
    const program = someProgram();
    // There, and never leading anything: as one that hangs.
    const idle = openPresence(plant.nc, program, 'x');
    const y = await join(program, 'y');
    await until('it to lead its own', () => y.leads().join() === 'b,d');
    await until('it to lead the others, too', () => y.leads().length === TASKS.length);
    idle.close();
  });

  it('lead again, each task by one, when NATS was away for long', async () => {
    await using own = await plantServer();
    const program = someProgram();
    const [x, y] = await Promise.all([join(program, 'x', own.server), join(program, 'y', own.server)]);
    await until('both to have their share', () => x.leads().length === 2 && y.leads().length === 2);
    await own.server.kill();
    await until('both to have lost it', () => x.leads().length === 0 && y.leads().length === 0);
    await own.server.restart();
    await until('both to have their share again', () => x.leads().join() === 'a,c' && y.leads().join() === 'b,d');
    for (const member of members.splice(0)) await member.end();
  });

  it('are told why a task cannot be led, and not afterwards that it is led by another', async () => {
    const { signal } = new AbortController();
    const program = someProgram();
    const leases = await bucket(plant.nc, 'leases');
    await leases.put(`${program}.a`, 'no claim');
    const leadership = openLeadership(plant.nc, { program, id: 'x', tasks: TASKS, signal, logger: listeningLogger() });
    onTestFinished(() => leadership.close());
    const onStandby = vi.fn();
    await expect(leadership.lead('a', onStandby)).rejects.toThrow();
    const failedAt = performance.now();
    await until('it to have had the time to say so', () => performance.now() - failedAt > 1_500);
    expect(onStandby).not.toHaveBeenCalled();
  });

  it('give back at once what one won in the moment in which it ended', async () => {
    const program = someProgram();
    const ending = new AbortController();
    // The answer to the claim comes when the program is already to end.
    const logger = { ...listeningLogger(), info: () => ending.abort() };
    const options = { program, id: 'x', tasks: TASKS, signal: ending.signal, logger };
    const leadership = openLeadership(plant.nc, options);
    onTestFinished(() => leadership.close());
    expect(await leadership.lead('a')).toBeUndefined();
    const { holder } = await leaseEntry(plant.nc, `${program}.a`, 3).look();
    expect(holder).toBeUndefined();
  });
});
