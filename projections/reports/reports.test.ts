import type { JobEvent } from '@stratum/contracts/job/job.ts';
import { expectLaws, foldAll, recordedEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reportKeyOf, reports } from './reports.ts';

const orderId = 'ORD-1234567890';
const reported = (produced: number): JobEvent => ({
  type: 'WorkReported',
  data: {
    jobId: `${orderId}_shopfloor1`,
    orderId,
    shopfloorId: 'shopfloor1',
    reportId: `r${produced}`,
    description: 'Cola',
    quantity: 100,
    produced,
    defective: 1,
    reportedAt: '2025-10-01T10:30:00Z',
    goodTotal: produced,
    defectiveTotal: 1,
    jobCompleted: false,
  },
});

test('every report is a document of its own, in the order of the log', () => {
  const context = { actor: 'shopfloor:shopfloor1', recordedAt: '2025-10-01T10:30:01.000Z' };
  const documents = foldAll(reports, [
    recordedEvent(9, reported(50), context),
    recordedEvent(10, reported(20), context),
  ]);
  expect([...documents.keys()]).toEqual(['0000000000000009', '0000000000000010']);
  expect(documents.get(reportKeyOf(9))).toEqual({
    _id: '0000000000000009',
    reportId: 'r50',
    orderId,
    jobId: `${orderId}_shopfloor1`,
    shopfloorId: 'shopfloor1',
    description: 'Cola',
    produced: 50,
    defective: 1,
    reportedAt: '2025-10-01T10:30:00Z',
    recordedAt: '2025-10-01T10:30:01.000Z',
    by: 'shopfloor:shopfloor1',
    jobCompleted: false,
    _position: 9,
  });
});

test('reports fold to the same however their history is cut and repeated', () => {
  const histories = fc
    .array(fc.nat(100), { maxLength: 10 })
    .map((pieces) => pieces.map((produced, index) => recordedEvent(index + 1, reported(produced))));
  expectLaws(reports, histories);
});
