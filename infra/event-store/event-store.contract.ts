import { events as contracts } from '@stratum/contracts/registry.ts';
import type { Aggregate } from '@stratum/contracts/subjects.ts';
import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  addCapacity,
  capacitiesIn,
  capacityDecider,
  changeOf,
  orderPlaced,
  sequenceOf,
  shopfloor,
} from './capacity.fixture.ts';
import { EVENT_BYTES_MAX } from './codec.ts';
import { CommandIdTaken, EventTooLarge, NotInContract } from './errors.ts';
import { handle } from './handle.ts';
import type { Store } from './store.ts';

/**
 * Registers the tests that every store must pass. `open` gives a store on the log of this run as a new process would, with a
 * memory of its own; the log may hold other things.
 */
export function describeStore(open: () => Store): void {
  let count = 0;
  /** An aggregate and a command id that no test had before. */
  const fresh = () => {
    count += 1;
    return { store: open(), aggregate: shopfloor(`floor-${count}`), id: `command-${count}` };
  };

  it('reads an aggregate that nothing happened to as no events', async () => {
    const { store, aggregate } = fresh();
    expect(await store.read(aggregate)).toEqual([]);
  });

  it('reads back what was appended, with its envelope and its place', async () => {
    const { store, aggregate, id } = fresh();
    const appended = await store.append([changeOf(aggregate, 0, 7)], addCapacity(id));
    const [event, ...others] = await store.read(aggregate);
    expect(others).toEqual([]);
    expect(event).toEqual({
      type: 'CapacitySet',
      data: { shopfloorId: 'shopfloor1', capacityPerHour: 7 },
      envelope: {
        id: `${id}-0`,
        version: 1,
        source: '/services/shopfloor',
        subject: aggregate.id,
        occurredAt: '2026-01-01T00:00:00Z',
        correlationId: `because-${id}`,
        causationId: id,
        actor: 'account:anna',
      },
      recorded: {
        position: `PLANT:${sequenceOf(appended)}`,
        sequence: sequenceOf(appended),
        recordedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        site: 'main',
        entity: 'shopfloor',
      },
    });
  });

  it('reads only what came after a sequence', async () => {
    const { store, aggregate, id } = fresh();
    const after = sequenceOf(await store.append([changeOf(aggregate, 0, 1)], addCapacity(id)));
    await store.append([changeOf(aggregate, after, 2)], addCapacity(`${id}b`));
    expect(capacitiesIn(await store.read(aggregate, after))).toEqual([2]);
  });

  it('appends nothing when the aggregate has moved on, or never was as far', async () => {
    const { store, aggregate, id } = fresh();
    const last = sequenceOf(await store.append([changeOf(aggregate, 0, 1)], addCapacity(id)));
    for (const after of [0, last - 1, last + 1]) {
      const command = addCapacity(`${id}-${after}-late`);
      const conflict = { conflict: [aggregate] };
      expect(await store.append([changeOf(aggregate, after, 2)], command)).toEqual(conflict);
      expect(await store.append([changeOf(aggregate, after, 2, 3)], command)).toEqual(conflict);
    }
    expect(capacitiesIn(await store.read(aggregate))).toEqual([1]);
  });

  it('appends several events of one command, all of them and in order', async () => {
    const { store, aggregate, id } = fresh();
    const appended = await store.append([changeOf(aggregate, 0, 1, 2, 3)], addCapacity(id));
    const recorded = await store.read(aggregate);
    expect(capacitiesIn(recorded)).toEqual([1, 2, 3]);
    expect(recorded.map((event) => event.envelope.id)).toEqual([`${id}-0`, `${id}-1`, `${id}-2`]);
    expect(recorded.at(-1)?.recorded.sequence).toBe(sequenceOf(appended));
  });

  it('appends the same command once, however often it is told', async () => {
    const { store, aggregate, id } = fresh();
    for (const command of [addCapacity(id), addCapacity(`${id}b`, 2)]) {
      const first = await handle(store, capacityDecider, aggregate, command);
      expect(first.events).toHaveLength(command.data.times);
      const again = [store, open()].map((one) => handle(one, capacityDecider, aggregate, command));
      for (const { position, events } of await Promise.all(again)) {
        expect(position).toBe(first.position);
        expect(events).toEqual([]);
      }
    }
    expect(capacitiesIn(await store.read(aggregate))).toEqual([1, 2, 3]);
  });

  it('answers the last position to a command with nothing to say', async () => {
    const { store, aggregate, id } = fresh();
    const silent = (name: string) => handle(store, capacityDecider, aggregate, addCapacity(name, 0));
    expect((await silent(`${id}a`)).position).toBe('PLANT:0');
    const { position } = await handle(store, capacityDecider, aggregate, addCapacity(id));
    expect((await silent(`${id}b`)).position).toBe(position);
  });

  it('keeps every command of many rivals, without a gap and without a double', async () => {
    const { store, aggregate, id } = fresh();
    const rivals = Array.from({ length: 6 }, () => open());
    const commands = rivals.flatMap((rival, r) =>
      Array.from({ length: 5 }, (_, n) => handle(rival, capacityDecider, aggregate, addCapacity(`${id}-${r}-${n}`))),
    );
    await Promise.all(commands);
    expect(capacitiesIn(await store.read(aggregate))).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
  });

  it('reads an aggregate that is longer than a page', async () => {
    const { store, aggregate, id } = fresh();
    for (let n = 0; n < 11; n++) await handle(store, capacityDecider, aggregate, addCapacity(`${id}-${n}`, 100));
    expect(await store.read(aggregate)).toHaveLength(1_100);
  });

  it('goes on behind events that this program does not know', async () => {
    const { store, aggregate, id } = fresh();
    await handle(store, capacityDecider, aggregate, addCapacity(id));
    contracts.CapacityHalved = { entity: 'shopfloor', versions: [z.object({})], upcast: [] };
    const [first] = await store.read(aggregate);
    const after = first?.recorded.sequence ?? 0;
    await store.append([{ aggregate, after, events: [{ type: 'CapacityHalved', data: {} }] }], addCapacity(`${id}b`));
    delete contracts.CapacityHalved;
    for (const process of [store, open()]) {
      await handle(process, capacityDecider, aggregate, addCapacity(`${id}c`));
    }
    expect(capacitiesIn(await store.read(aggregate))).toEqual([1, 2]);
  });

  it('refuses data that are too large, saying so, and reads what is just not', async () => {
    const { store, id } = fresh();
    const order: Aggregate = { site: 'main', entity: 'order', id };
    const append = (n: number, description: string, after: number) =>
      store.append([{ aggregate: order, after, events: [orderPlaced(description)] }], addCapacity(`${id}-${n}`));
    await expect(append(0, 'é'.repeat(EVENT_BYTES_MAX / 2), 0)).rejects.toThrow(EventTooLarge);
    let after = 0;
    for (let n = 1; n <= 20; n++) after = sequenceOf(await append(n, 'x'.repeat(EVENT_BYTES_MAX - 200), after));
    expect(await store.read(order)).toHaveLength(20);
  });

  it('refuses what is not in the contract, or not of this aggregate', async () => {
    const { store, aggregate, id } = fresh();
    const command = addCapacity(id);
    const wrong = [
      { type: 'CapacityDoubled', data: {} },
      { type: 'toString', data: {} },
      { type: 'CapacitySet', data: { shopfloorId: 'shopfloor1', capacityPerHour: 'many' } },
      { type: 'AccountRegistered', data: { accountId: 'a', email: 'a@b.c', name: 'Anna', role: 'admin' } },
    ];
    for (const event of wrong) {
      await expect(store.append([{ aggregate, after: 0, events: [event] }], command)).rejects.toThrow(NotInContract);
    }
    expect(await store.read(aggregate)).toEqual([]);
  });

  it('refuses ids that would not stay one token of a subject or one line of a header', async () => {
    const { store, aggregate, id } = fresh();
    const append = (of: typeof aggregate, command = addCapacity(id)) => store.append([changeOf(of, 0, 1)], command);
    for (const bad of ['*', '>', 'a.b', 'a b', '', 'a'.repeat(65)]) {
      await expect(append(shopfloor(bad))).rejects.toThrow('letters, digits');
      await expect(append({ ...aggregate, site: bad })).rejects.toThrow('letters, digits');
      await expect(store.read(shopfloor(bad))).rejects.toThrow('letters, digits');
    }
    await expect(append(aggregate, addCapacity('a\r\nNats-Rollup: sub'))).rejects.toThrow(TypeError);
    await expect(append(aggregate, { ...addCapacity(id), correlationId: 'a\nb' })).rejects.toThrow('one line');
    expect(await store.read(aggregate)).toEqual([]);
  });

  it('refuses a command id that was used for another aggregate', async () => {
    const { store, aggregate, id } = fresh();
    await handle(store, capacityDecider, aggregate, addCapacity(id));
    const other = handle(store, capacityDecider, shopfloor(`${aggregate.id}-other`), addCapacity(id));
    await expect(other).rejects.toThrow(CommandIdTaken);
  });
}
