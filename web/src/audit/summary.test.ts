import type { EventsPage } from '@stratum/contracts/http.ts';
import { describe, expect, it } from 'vitest';
import { summaryOf } from './summary.ts';

const event: EventsPage['events'][number] = {
  position: 'PLANT:7',
  type: 'OrderDistributed',
  entity: 'order',
  recordedAt: '2026-01-01T00:00:00Z',
  occurredAt: '2026-01-01T00:00:00Z',
  actor: 'reactor:order',
  actorName: null,
  id: 'c-0',
  subject: 'ORD-1',
  causationId: 'c',
  correlationId: 'x',
  version: 1,
  data: {},
};

describe('an event in one line', () => {
  it('leaves out what the subject says already and counts lists', () => {
    const reported = { orderId: 'ORD-1', shopfloorId: 'shopfloor2', produced: 20, defective: 1 };
    expect(summaryOf({ ...event, subject: 'ORD-1_shopfloor2', data: reported })).toBe('produced 20 · defective 1');
    expect(
      summaryOf({
        ...event,
        data: { orderId: 'ORD-1', quantity: 3000, jobs: [1, 2, 3], method: 'largest-remainder/1' },
      }),
    ).toBe('quantity 3000 · 3 jobs · largest-remainder/1');
  });

  it('shows limits by their ends, those in force and those before', () => {
    const limits = { low: 50, high: 140, deadband: 5 };
    const data = { parameter: 'torque', limits, reason: 'derated', previous: { ...limits, high: 150 } };
    expect(summaryOf({ ...event, type: 'LimitsChanged', version: 2, data })).toBe(
      'torque · limits 50 to 140 · derated · previous 50 to 150',
    );
  });

  it('stops after four facts and skips what is nested', () => {
    expect(summaryOf({ ...event, data: { a: 1, b: 2, c: { d: 1 }, e: true, f: 'x', g: 5 } })).toBe(
      'a 1 · b 2 · e true · x',
    );
  });
});
