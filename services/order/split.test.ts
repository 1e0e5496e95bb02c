import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Floor, hasCapacity, split } from './split.ts';

describe('split', () => {
  test('gives every floor its share and the piece left over to the largest remainder', () => {
    expect(
      split(100, [
        { shopfloorId: 'shopfloor1', capacityPerHour: 120 },
        { shopfloorId: 'shopfloor2', capacityPerHour: 80 },
        { shopfloorId: 'shopfloor3', capacityPerHour: 100 },
      ]),
    ).toEqual([
      { shopfloorId: 'shopfloor1', quantity: 40 },
      { shopfloorId: 'shopfloor2', quantity: 27 },
      { shopfloorId: 'shopfloor3', quantity: 33 },
    ]);
  });

  test('breaks ties by id, whatever the order of the floors', () => {
    const floors = ['c', 'a', 'b'].map((shopfloorId) => ({ shopfloorId, capacityPerHour: 1 }));
    expect(split(5, floors)).toEqual([
      { shopfloorId: 'a', quantity: 2 },
      { shopfloorId: 'b', quantity: 2 },
      { shopfloorId: 'c', quantity: 1 },
    ]);
  });

  test('leaves out who gets nothing', () => {
    const floors = [
      { shopfloorId: 'a', capacityPerHour: 0 },
      { shopfloorId: 'b', capacityPerHour: 100 },
      { shopfloorId: 'c', capacityPerHour: 1 },
    ];
    expect(split(2, floors)).toEqual([{ shopfloorId: 'b', quantity: 2 }]);
    expect(split(2, [{ shopfloorId: 'a', capacityPerHour: 0 }])).toEqual([]);
    expect(split(2, [])).toEqual([]);
  });

  const quantities = fc.integer({ min: 1, max: 10_000_000 });
  const capacities = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 1_000 }) },
    { weight: 2, arbitrary: fc.double({ min: 0, max: 1_000_000, noNaN: true }) },
    { weight: 1, arbitrary: fc.constant(0) },
  );
  const floorLists: fc.Arbitrary<Floor[]> = fc.uniqueArray(
    fc.record({ shopfloorId: fc.stringMatching(/^[a-z0-9]{1,6}$/), capacityPerHour: capacities }),
    { selector: (floor) => floor.shopfloorId, maxLength: 20 },
  );
  const partOf = (parts: ReturnType<typeof split>, floor: Floor) =>
    parts.find((part) => part.shopfloorId === floor.shopfloorId)?.quantity ?? 0;

  test('the parts always add up', () => {
    fc.assert(
      fc.property(quantities, floorLists, (quantity, floors) => {
        const sum = split(quantity, floors).reduce((total, part) => total + part.quantity, 0);
        expect(sum).toBe(floors.some(hasCapacity) ? quantity : 0);
      }),
    );
  });

  test('every part is less than one piece away from its exact share', () => {
    fc.assert(
      fc.property(quantities, floorLists, (quantity, floors) => {
        const total = floors.reduce((sum, floor) => sum + floor.capacityPerHour, 0);
        fc.pre(floors.some(hasCapacity) && total > 1);
        const parts = split(quantity, floors);
        const rounding = (quantity * floors.length * 1e-6) / total + 1e-6;
        for (const floor of floors) {
          const exact = (quantity * floor.capacityPerHour) / total;
          expect(Math.abs(partOf(parts, floor) - exact)).toBeLessThan(1 + rounding);
        }
      }),
    );
  });

  test('a floor with more capacity never gets less, and one without gets nothing', () => {
    fc.assert(
      fc.property(quantities, floorLists, (quantity, floors) => {
        const parts = split(quantity, floors);
        for (const floor of floors) {
          if (!hasCapacity(floor)) expect(partOf(parts, floor)).toBe(0);
          const weaker = floors.filter((other) => other.capacityPerHour < floor.capacityPerHour - 1e-6);
          for (const other of weaker) expect(partOf(parts, floor)).toBeGreaterThanOrEqual(partOf(parts, other));
        }
      }),
    );
  });

  test('the order of the floors does not matter', () => {
    const shuffled = floorLists.chain((floors) =>
      fc.tuple(fc.constant(floors), fc.shuffledSubarray(floors, { minLength: floors.length })),
    );
    fc.assert(
      fc.property(quantities, shuffled, (quantity, [floors, others]) => {
        expect(split(quantity, others)).toEqual(split(quantity, floors));
      }),
    );
  });
});
