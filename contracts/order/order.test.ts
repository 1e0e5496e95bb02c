import { expect, test } from 'vitest';
import { placeOrderRequest } from './order.ts';

const order = { description: 'Cola Bottles 500ml', quantity: 3000, material: 'PET Plastic' };

test.each(['Cola ½ l, übergroß, 可乐 🥤', '  Cola  '])('an order of %j is taken', (description) => {
  expect(placeOrderRequest.parse({ ...order, description }).description).toBe(description.trim());
});

test.each(['', '   ', 'Cola\u0000', 'two\nlines', 'half a \ud83e'])('an order of %j is not', (words) => {
  for (const field of ['description', 'material']) {
    const { error } = placeOrderRequest.safeParse({ ...order, [field]: words });
    expect(error?.issues.map(({ path }) => path)).toEqual([[field]]);
  }
});
