import { bitsOf, seedOf, uniform } from './chance.ts';

/** An order as the simulated ERP owner places it; `dueInMinutes` only where it has a date, in minutes of the plant. */
export type WantedOrder = { description: string; material: string; quantity: number; dueInMinutes?: number };

/** The orders of a first start: some made at once, then one that takes hours, and some behind it. */
export const OPENING_ORDERS = 12;
/** So many of the opening orders are made at once. */
export const OPENING_MADE = 6;

const products = [
  { description: 'Cola Bottles 500ml', material: 'PET Plastic' },
  { description: 'Lubricant Canisters 5 L', material: 'HDPE' },
  { description: 'Spiral Wound Gaskets DN80', material: 'Graphite and Stainless Steel' },
  { description: 'Drill Pipe Protectors', material: 'Nitrile Rubber' },
  { description: 'Valve Seats 2 inch', material: 'PTFE' },
  { description: 'Cable Glands M25', material: 'Brass' },
  { description: 'Filter Cartridges 10 µm', material: 'Polypropylene' },
] as const;

/** Every so many orders one is so large that it runs for hours. */
const LARGE_EVERY = 40;
const LARGE_PIECES = 60_000;

/** The n-th order of a plant, from 0. */
export function orderAt(seed: number, index: number): WantedOrder {
  const own = seedOf(seed, 'orders');
  const product = products[bitsOf(own, index, 1) % products.length] ?? products[0];
  if (index % LARGE_EVERY === OPENING_MADE) return { ...product, quantity: LARGE_PIECES, dueInMinutes: 12 * 60 };
  const [fewest, most] = index < OPENING_MADE ? [300, 1_200] : [900, 3_000];
  const quantity = Math.round((fewest + (most - fewest) * uniform(own, index, 2)) / 50) * 50;
  const chance = uniform(own, index, 3);
  if (chance < 0.4) return { ...product, quantity };
  // Some dates are too early to be met.
  return { ...product, quantity, dueInMinutes: Math.round(chance < 0.55 ? 4 : 90 + 200 * chance) };
}

/** Minutes of the plant from one new order to the next, around ten. */
export function minutesUntilNext(seed: number, index: number): number {
  return 8 + 4 * uniform(seedOf(seed, 'intervals'), index);
}
