import type { OrderDocument } from '@stratum/contracts/order/order.ts';
import { describe, expect, it } from 'vitest';
import { expectedByNow, isLate, isOpen } from './order-progress.ts';

const order: OrderDocument = {
  _id: 'ORD-1234567890',
  site: 'main',
  description: 'Cola Bottles 500ml',
  quantity: 3000,
  material: 'PET Plastic',
  dueAt: '2026-01-01T10:00:00Z',
  state: 'Running',
  placedAt: '2026-01-01T00:00:00Z',
  placedBy: 'account:a',
  placedPosition: 1,
  completedAt: null,
  onTime: null,
  good: 0,
  defective: 0,
  jobs: [],
  capacities: [],
  _position: 1,
};
const at = (time: string) => Date.parse(`2026-01-01T${time}Z`);

describe('how far an order should be', () => {
  it('expects an even pace between placing and due date', () => {
    expect(expectedByNow(order, at('05:00:00'))).toBe(1500);
    expect(expectedByNow(order, at('11:00:00'))).toBe(3000);
    expect(expectedByNow({ ...order, dueAt: null }, at('05:00:00'))).toBeUndefined();
    expect(expectedByNow({ ...order, state: 'Completed' }, at('05:00:00'))).toBeUndefined();
  });

  it('is late past its date, or when it was completed after it', () => {
    expect(isLate(order, at('09:00:00'))).toBe(false);
    expect(isLate(order, at('11:00:00'))).toBe(true);
    expect(isLate({ ...order, state: 'Completed', onTime: false }, at('09:00:00'))).toBe(true);
    expect(isLate({ ...order, state: 'Completed', onTime: true }, at('11:00:00'))).toBe(false);
    expect(isLate({ ...order, dueAt: null }, at('23:00:00'))).toBe(false);
  });

  it('is open until it is completed, aborted or cancelled', () => {
    expect(isOpen(order)).toBe(true);
    expect(isOpen({ ...order, state: 'Cancelled' })).toBe(false);
  });
});
