import type { JobEvent } from '@stratum/contracts/job/job.ts';
import { expectLaws, foldAll, recordedEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { productionDays } from './production-days.ts';

type Made = Partial<Extract<JobEvent, { type: 'WorkReported' }>['data']>;
const orderId = 'ORD-1234567890';
const reported = (made: Made): JobEvent => ({
  type: 'WorkReported',
  data: {
    jobId: `${orderId}_shopfloor1`,
    orderId,
    shopfloorId: 'shopfloor1',
    reportId: 'r',
    description: 'Cola Bottles 500ml',
    quantity: 100,
    produced: 40,
    defective: 2,
    reportedAt: '2026-11-24T10:00:00Z',
    goodTotal: 40,
    defectiveTotal: 2,
    jobCompleted: false,
    ...made,
  },
});
const daysAfter = (...made: Made[]) =>
  foldAll(
    productionDays,
    made.map((each, index) => recordedEvent(index + 1, reported(each))),
  );

test('pieces add up per day, shopfloor and product, by the time of the report', () => {
  const days = daysAfter(
    {},
    { produced: 10, defective: 0, reportedAt: '2026-11-24T23:59:59.999Z' },
    { produced: 5, reportedAt: '2026-11-25T00:00:00Z' },
    { produced: 7, shopfloorId: 'shopfloor2' },
    { produced: 9, description: 'Caps' },
  );
  expect([...days.keys()]).toEqual([
    '2026-11-24:shopfloor1:Cola Bottles 500ml',
    '2026-11-25:shopfloor1:Cola Bottles 500ml',
    '2026-11-24:shopfloor2:Cola Bottles 500ml',
    '2026-11-24:shopfloor1:Caps',
  ]);
  expect(days.get('2026-11-24:shopfloor1:Cola Bottles 500ml')).toEqual({
    _id: '2026-11-24:shopfloor1:Cola Bottles 500ml',
    day: '2026-11-24',
    site: 'main',
    shopfloorId: 'shopfloor1',
    product: 'Cola Bottles 500ml',
    good: 50,
    defective: 2,
    jobsCompleted: 0,
    jobsOnTime: 0,
    reports: 2,
    _position: 2,
  });
});

test('a job is on time when it is completed by its due date, or has none', () => {
  const at = '2026-11-24T10:00:00Z';
  const [day] = daysAfter(
    { jobCompleted: true },
    { jobCompleted: true, dueAt: at },
    { jobCompleted: true, dueAt: '2026-11-24T09:59:59Z' },
    { jobCompleted: false, dueAt: '2026-11-24T09:59:59Z' },
  ).values();
  expect(day).toMatchObject({ reports: 4, jobsCompleted: 3, jobsOnTime: 2 });
});

test('days fold to the same however their history is cut and repeated', () => {
  const made = fc.record({
    produced: fc.nat(100),
    shopfloorId: fc.constantFrom('shopfloor1', 'shopfloor2'),
    reportedAt: fc.constantFrom('2026-11-24T10:00:00Z', '2026-11-25T10:00:00Z'),
    jobCompleted: fc.boolean(),
  });
  const histories = fc
    .array(made, { maxLength: 15 })
    .map((all) => all.map((each, index) => recordedEvent(index + 1, reported(each))));
  expectLaws(productionDays, histories);
});
