import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command } from '@stratum/contracts/envelope.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCapacity,
  type CapacityEvent,
  capacityDecider,
  capacitySet,
  rivalOf,
  shopfloor,
} from './capacity.fixture.ts';
import { TooMuchContention } from './errors.ts';
import { handle } from './handle.ts';
import { memoryStore } from './memory.ts';

const floor = shopfloor('shopfloor1');
const now = { pauseMs: () => 0 };

/** Only the first to claim a floor gets it. */
const claimDecider: Decider<boolean, Command<'Claim'>, CapacityEvent> = {
  entity: 'shopfloor',
  initial: false,
  decide: (isClaimed) => {
    if (isClaimed) throw new Rejected('AlreadyClaimed', 'somebody was faster');
    return [capacitySet(1)];
  },
  evolve: () => true,
};

describe('handling commands', () => {
  it('lets one of any number of rivals win, and the others know it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 3 }), async (processes, each) => {
        const store = memoryStore();
        const claims = Array.from({ length: processes }, () => rivalOf(store)).flatMap((process, p) =>
          Array.from({ length: each }, (_, n) => {
            const command: Command<'Claim'> = { ...addCapacity(`claim-${p}-${n}`), type: 'Claim' };
            return handle(process, claimDecider, floor, command, now);
          }),
        );
        const outcomes = await Promise.allSettled(claims);
        const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
        expect(lost).toHaveLength(processes * each - 1);
        for (const reason of lost) expect(reason).toMatchObject({ code: 'AlreadyClaimed' });
        expect(await store.read(floor)).toHaveLength(1);
      }),
      { numRuns: 30 },
    );
  });

  it('does each command once, in whatever order and however often they are told to whichever process', async () => {
    const telling = fc.array(fc.record({ command: fc.nat(5), process: fc.nat(2), times: fc.constant(1) }), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(telling, async (tellings) => {
        const store = memoryStore();
        const processes = [store, rivalOf(store), rivalOf(store)];
        const told = tellings.map(({ command, process }) =>
          handle(processes[process] ?? store, capacityDecider, floor, addCapacity(`c${command}`), now),
        );
        await Promise.all(told);
        const events = await store.read(floor);
        expect(events).toHaveLength(new Set(tellings.map(({ command }) => command)).size);
        expect(events.map(({ data }) => data)).toEqual(events.map((_, n) => capacitySet(n + 1).data));
      }),
      { numRuns: 50 },
    );
  });

  it('reads an aggregate once and then remembers it', async () => {
    const store = memoryStore();
    let reads = 0;
    const counted = {
      ...store,
      history: (...args: Parameters<typeof store.history>) => {
        reads += 1;
        return store.history(...args);
      },
    };
    for (let n = 0; n < 5; n++) await handle(counted, capacityDecider, floor, addCapacity(`c${n}`));
    expect(reads).toBe(1);
  });

  it('pauses between conflicts and gives up in the end', async () => {
    const store = memoryStore();
    let pauses = 0;
    const pauseMs = () => {
      pauses += 1;
      return 0;
    };
    const unlucky = { ...store, append: async () => ({ conflict: [floor] }) };
    const told = handle(unlucky, capacityDecider, floor, addCapacity('c'), { pauseMs });
    await expect(told).rejects.toThrow(TooMuchContention);
    expect(pauses).toBe(20);
  });

  it('does not let a decider decide for another kind of aggregate', async () => {
    const order = { site: 'main', entity: 'order', id: 'o1' } as const;
    await expect(handle(memoryStore(), capacityDecider, order, addCapacity('c'))).rejects.toThrow(TypeError);
  });
});
