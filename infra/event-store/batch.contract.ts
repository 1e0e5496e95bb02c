import { expect, it } from 'vitest';
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
import { CommandIdTaken, EventTooLarge } from './errors.ts';
import { handle } from './handle.ts';
import type { Store } from './store.ts';

/** Registers what every store must do with several events, or several aggregates, of one command; see `describeStore`. */
export function describeBatches(open: () => Store): void {
  let count = 0;
  /** Three aggregates and a command id that no test had before. */
  const fresh = () => {
    count += 1;
    const [a, b, c] = ['a', 'b', 'c'].map((name) => shopfloor(`batch-${count}-${name}`));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were made');
    const store = open();
    const read = async () => Promise.all([a, b, c].map(async (aggregate) => capacitiesIn(await store.read(aggregate))));
    return { store, a, b, c, read, id: `batch-${count}` };
  };

  it('records what one command does on several aggregates, in one piece', async () => {
    const { store, a, b, c, read, id } = fresh();
    const before = sequenceOf(await store.append([changeOf(b, 0, 1)], addCapacity(`${id}-before`)));
    const changes = [changeOf(a, 0, 10), changeOf(b, before, 20, 21), changeOf(c, 0, 30)];
    const last = sequenceOf(await store.append(changes, addCapacity(id)));
    expect(await read()).toEqual([[10], [1, 20, 21], [30]]);
    const events = (await Promise.all([a, b, c].map((aggregate) => store.read(aggregate)))).flat();
    const own = events.filter(({ envelope }) => envelope.causationId === id);
    expect(own.map(({ recorded }) => recorded.sequence)).toEqual([last - 3, last - 2, last - 1, last]);
    expect(own.map(({ envelope }) => envelope.id)).toEqual([0, 1, 2, 3].map((n) => `${id}-${n}`));
    expect(own.map(({ envelope }) => envelope.subject)).toEqual([a.id, b.id, b.id, c.id]);
  });

  it('records nothing anywhere when one of the aggregates has moved on, and says which', async () => {
    const { store, a, b, c, read, id } = fresh();
    const last = sequenceOf(await store.append([changeOf(b, 0, 1)], addCapacity(`${id}-before`)));
    const told = (name: string, after: number) =>
      store.append([changeOf(a, 0, 10), changeOf(b, after, 20), changeOf(c, 0, 30)], addCapacity(`${id}-${name}`));
    expect(await told('late', 0)).toEqual({ conflict: [b] });
    expect(await told('early', last + 1)).toEqual({ conflict: [b] });
    await store.append([changeOf(c, 0, 1)], addCapacity(`${id}-other`));
    expect(await told('both', 0)).toEqual({ conflict: [b, c] });
    expect(await read()).toEqual([[], [1], [1]]);
  });

  it('answers the same command as the first time, whoever tells it again and whatever came since', async () => {
    const { store, a, b, read, id } = fresh();
    const alone = () => [changeOf(a, 0, 1)];
    const last = sequenceOf(await store.append(alone(), addCapacity(`${id}-alone`)));
    const together = () => [changeOf(a, last, 2, 3), changeOf(b, 0, 4)];
    const position = await store.append(together(), addCapacity(id));
    await store.append([changeOf(b, sequenceOf(position), 5)], addCapacity(`${id}-since`));
    for (const teller of [store, open()]) {
      expect(sequenceOf(await teller.append(alone(), addCapacity(`${id}-alone`)))).toBe(last);
      expect(await teller.append(together(), addCapacity(id))).toEqual(position);
    }
    expect(await read()).toEqual([[1, 2, 3], [4, 5], []]);
  });

  it('does not answer a command that was decided on less than is there, though its events are', async () => {
    const { store, a, b, read, id } = fresh();
    const last = sequenceOf(await store.append([changeOf(a, 0, 1)], addCapacity(`${id}-before`)));
    await store.append([changeOf(a, last, 2)], addCapacity(`${id}-alone`));
    expect(await store.append([changeOf(a, 0, 2)], addCapacity(`${id}-alone`))).toEqual({ conflict: [a] });
    const newest = (await store.history(a)).last;
    await store.append([changeOf(a, newest, 3), changeOf(b, 0, 4)], addCapacity(id));
    expect(await store.append([changeOf(a, last, 3), changeOf(b, 0, 4)], addCapacity(id))).toEqual({
      conflict: [a, b],
    });
    expect(await read()).toEqual([[1, 2, 3], [4], []]);
  });

  it('answers one position to a command that many tell at the same moment', async () => {
    const { a, b, read, id } = fresh();
    const tellers = Array.from({ length: 8 }, open);
    const tell = (store: Store) => store.append([changeOf(a, 0, 1), changeOf(b, 0, 2)], addCapacity(id));
    const answers = await Promise.all(tellers.map(tell));
    expect(new Set(answers.map(sequenceOf)).size).toBe(1);
    expect(await read()).toEqual([[1], [2], []]);
  });

  it('lets one of many rivals win whose aggregates overlap', async () => {
    const { a, b, c, read, id } = fresh();
    const pairs = [
      [a, b],
      [b, c],
      [c, a],
      [b, a],
    ] as const;
    const rivals = Array.from({ length: 12 }, (_, n) => pairs[n % pairs.length] ?? [a, b]);
    const answers = await Promise.all(
      rivals.map(([x, y], n) => open().append([changeOf(x, 0, n), changeOf(y, 0, n)], addCapacity(`${id}-${n}`))),
    );
    const winners = answers.flatMap((answer, n) => ('position' in answer ? [n] : []));
    expect(winners).toHaveLength(1);
    expect((await read()).flat()).toEqual([winners[0], winners[0]]);
    for (const answer of answers) if ('conflict' in answer) expect(answer.conflict.length).toBeGreaterThan(0);
  });

  it('keeps all of 100 batches told at once by five processes', async () => {
    const { id } = fresh();
    const processes = Array.from({ length: 5 }, open);
    const floors = Array.from({ length: 100 }, (_, n) => shopfloor(`${id}-${n}`));
    await Promise.all(
      floors.map((floor, n) => {
        const process = processes[n % processes.length] ?? open();
        return handle(process, capacityDecider, floor, addCapacity(`${id}-${n}`, 2));
      }),
    );
    for (const floor of floors) expect(capacitiesIn(await open().read(floor))).toEqual([1, 2]);
  });

  it('refuses a batch with one event that is too large, all of it', async () => {
    const { store, a, read, id } = fresh();
    const large = {
      aggregate: { ...a, entity: 'order' as const },
      after: 0,
      events: [orderPlaced('x'.repeat(EVENT_BYTES_MAX))],
    };
    await expect(store.append([changeOf(a, 0, 1), large], addCapacity(id))).rejects.toThrow(EventTooLarge);
    expect(await read()).toEqual([[], [], []]);
  });

  it('takes a batch of events that are each as large as may be', async () => {
    const { store, a, read, id } = fresh();
    const order = { ...a, entity: 'order' } as const;
    const events = Array.from({ length: 20 }, () => orderPlaced('x'.repeat(EVENT_BYTES_MAX - 200)));
    await store.append([changeOf(a, 0, 1), { aggregate: order, after: 0, events }], addCapacity(id));
    expect(await store.read(order)).toHaveLength(20);
    expect(await read()).toEqual([[1], [], []]);
  });

  it('takes 100 events, and refuses none, more, or an aggregate that is named twice', async () => {
    const { store, a, b, read, id } = fresh();
    const many = (length: number) => Array.from({ length }, (_, n) => n);
    const append = (...changes: ReturnType<typeof changeOf>[]) => store.append(changes, addCapacity(id));
    await expect(append()).rejects.toThrow(RangeError);
    await expect(append(changeOf(a, 0, 1), changeOf(b, 0))).rejects.toThrow(RangeError);
    await expect(append(changeOf(a, 0, ...many(51)), changeOf(b, 0, ...many(50)))).rejects.toThrow(RangeError);
    await expect(append(changeOf(a, 0, 1), changeOf(b, 0, 1), changeOf(a, 0, 2))).rejects.toThrow(TypeError);
    expect(await read()).toEqual([[], [], []]);
    await append(changeOf(a, 0, ...many(50)), changeOf(b, 0, ...many(50)));
    expect(await read()).toEqual([many(50), many(50), []]);
  });

  it('refuses a command id that was used for something else', async () => {
    const { store, a, b, c, read, id } = fresh();
    await store.append([changeOf(a, 0, 1)], addCapacity(id));
    await expect(store.append([changeOf(b, 0, 2), changeOf(c, 0, 3)], addCapacity(id))).rejects.toThrow(CommandIdTaken);
    expect(await read()).toEqual([[1], [], []]);
  });
}
