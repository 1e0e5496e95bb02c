import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  accept,
  acknowledged,
  type Floor,
  type FloorTraits,
  floorSchema,
  idleFloor,
  isPausing,
  work,
} from './floor.ts';

const traits: FloorTraits = { shopfloorId: 'shopfloor1', seed: 3, piecesPerHour: 12_000, scrapShare: 0.03 };
const order = (n: number, quantity: number) => ({
  orderId: `ORD-000000000${n}`,
  description: 'Cola Bottles 500ml',
  quantity,
  material: 'PET Plastic',
});
const at = (second: number) => new Date(Date.parse('2026-11-24T20:00:00Z') + second * 1000).toISOString();

/** Works step by step and hands every report on; answers all of them. */
function workFor(floor: Floor, seconds: number, step: number) {
  const reports: Floor['outbox'] = [];
  let now = floor;
  for (let second = step; second <= seconds; second += step) {
    now = work(now, traits, step, at(second));
    reports.push(...now.outbox);
    now = acknowledged(now, now.outbox);
  }
  return { floor: now, reports };
}
const made = (reports: Floor['outbox'], orderId: string) =>
  reports.filter((report) => report.orderId === orderId).reduce((sum, one) => sum + one.produced + one.defective, 0);

describe('a simulated floor', () => {
  test('makes exactly what it was told, in increments, some of it scrap', () => {
    const { floor, reports } = workFor(accept(idleFloor, order(1, 1000)), 1200, 0.5);
    expect(made(reports, 'ORD-0000000001')).toBe(1000);
    expect(reports.length).toBeGreaterThan(10);
    expect(reports.reduce((sum, { defective }) => sum + defective, 0)).toBeGreaterThan(5);
    expect(floor).toMatchObject({ open: [], done: ['ORD-0000000001'], outbox: [] });
  });
  test('works on two orders at once, the others wait their turn', () => {
    const three = [order(1, 2000), order(2, 2000), order(3, 2000)].reduce(accept, idleFloor);
    const { floor } = workFor(three, 300, 1);
    const pieces = floor.open.map(({ good, defective }) => good + defective);
    expect(pieces[0]).toBeGreaterThan(300);
    expect(pieces[1]).toBe(pieces[0]);
    expect(pieces[2]).toBe(0);
  });
  test('takes an instruction once, however often it comes, also when it is done with', () => {
    const once = accept(idleFloor, order(1, 100));
    expect(accept(once, order(1, 100))).toBe(once);
    const { floor } = workFor(once, 600, 1);
    expect(accept(floor, order(1, 100))).toBe(floor);
  });
  test('keeps a report until the broker has it, and stops when none is taken', () => {
    let floor = accept(idleFloor, order(1, 1_000_000));
    for (let second = 0; second < 20_000; second += 20) floor = work(floor, traits, 20, at(second));
    expect(floor.outbox).toHaveLength(100);
    expect(work(floor, traits, 20, at(20_000))).toBe(floor);
    const [first] = floor.outbox;
    if (first === undefined) throw new Error('there is no report');
    expect(acknowledged(floor, [first]).outbox).toEqual(floor.outbox.slice(1));
  });
  test('pauses once in a while, and an idle floor reports nothing', () => {
    const seconds = Array.from({ length: 7200 }, (_, second) => second);
    const pausing = seconds.filter((second) => isPausing(traits, second)).length;
    expect(pausing).toBeGreaterThan(400);
    expect(pausing).toBeLessThan(800);
    expect(work(idleFloor, traits, 10, at(0))).toBe(idleFloor);
  });
  test('whatever the orders and steps, no piece is lost or made twice, and it survives its own file', () => {
    const quantities = fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(quantities, fc.constantFrom(0.5, 1, 7, 30), (wanted, step) => {
        const told = wanted.map((quantity, index) => order(index, quantity)).reduce(accept, idleFloor);
        const half = workFor(told, 200, step);
        const again = floorSchema.parse(JSON.parse(JSON.stringify(half.floor)));
        const { floor, reports } = workFor(again, 4000, step);
        expect(floor.open).toEqual([]);
        for (const [index, quantity] of wanted.entries()) {
          expect(made([...half.reports, ...reports], order(index, 0).orderId)).toBe(quantity);
        }
      }),
      { numRuns: 40 },
    );
  });
});
