import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command } from '@stratum/contracts/envelope.ts';
import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { describe, expect, it } from 'vitest';
import { handle } from './handle.ts';
import { memoryStore } from './memory.ts';
import type { Store } from './store.ts';

type CapacityEvent = { type: 'CapacitySet'; data: { shopfloorId: string; capacityPerHour: number } };
type SetCapacity = Command<'SetCapacity', { capacityPerHour: number; onlyAbove: number }>;

/** Sets a capacity once the one before it is high enough; the same again is nothing to say. */
const decider: Decider<number, SetCapacity, CapacityEvent> = {
  entity: 'shopfloor',
  initial: 0,
  decide(capacity, { data }) {
    if (capacity < data.onlyAbove) throw new Rejected('TooLow', 'the capacity is too low');
    if (capacity === data.capacityPerHour) return [];
    return [{ type: 'CapacitySet', data: { shopfloorId: 'shopfloor1', capacityPerHour: data.capacityPerHour } }];
  },
  evolve: (_capacity, event) => event.data.capacityPerHour,
};

const aggregate = { site: SITE_DEFAULT, entity: 'shopfloor', id: 'shopfloor1' } as const;

function setCapacity(id: string, capacityPerHour: number, onlyAbove = 0): SetCapacity {
  const time = '2026-01-01T00:00:00Z';
  return { id, type: 'SetCapacity', data: { capacityPerHour, onlyAbove }, actor: 'account:a', correlationId: id, time };
}

/** Another process on the same log: its own memory of the aggregate. */
function otherProcess(store: Store): Store {
  return { ...store };
}

describe('a process whose memory of an aggregate is behind', () => {
  it('does not refuse what the log would allow', async () => {
    const here = memoryStore();
    await handle(here, decider, aggregate, setCapacity('c1', 10));
    await handle(otherProcess(here), decider, aggregate, setCapacity('c2', 100));
    const { events } = await handle(here, decider, aggregate, setCapacity('c3', 60, 50));
    expect(events).toHaveLength(1);
  });

  it('does not take for said what a rival has unsaid', async () => {
    const here = memoryStore();
    await handle(here, decider, aggregate, setCapacity('c1', 10));
    await handle(otherProcess(here), decider, aggregate, setCapacity('c2', 100));
    const { events } = await handle(here, decider, aggregate, setCapacity('c3', 10));
    expect(events).toHaveLength(1);
  });

  it('still refuses what the log refuses', async () => {
    const here = memoryStore();
    await handle(here, decider, aggregate, setCapacity('c1', 10));
    await expect(handle(here, decider, aggregate, setCapacity('c2', 20, 50))).rejects.toThrow('too low');
  });
});
