import { orderIdSchema } from '@stratum/contracts/order/order.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderIdFrom } from './order-id.ts';

test('an order id holds the first 60 bits, without letters that look like digits', () => {
  expect(orderIdFrom(new Uint8Array(8))).toBe('ORD-000000000000');
  expect(orderIdFrom(new Uint8Array(8).fill(255))).toBe('ORD-ZZZZZZZZZZZZ');
  expect(orderIdFrom(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x15))).toBe('ORD-000000000001');
  expect(orderIdFrom(Uint8Array.of(0b00001_000, 0b10_00011_0, 0, 0, 0, 0, 0, 0))).toBe('ORD-123000000000');
});

test('an order id is always one the contract accepts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 32 }), (digest) => {
      expect(orderIdFrom(digest)).toMatch(/^ORD-[0-9A-HJKMNP-TV-Z]{12}$/);
      expect(orderIdSchema.safeParse(orderIdFrom(digest)).success).toBe(true);
    }),
  );
});
