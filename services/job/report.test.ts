import { jobIdOf } from '@stratum/contracts/job/job.ts';
import { plantSubject } from '@stratum/contracts/subjects.ts';
import { expect, test } from 'vitest';
import { REPORT_BYTES_MAX, readReport } from './report.ts';

const report = {
  orderId: 'ORD-1234567890',
  shopfloorId: 'shopfloor1',
  produced: 2950,
  defective: 50,
  timestamp: '2025-10-01T10:30:00Z',
};
const bytes = (text: string) => new TextEncoder().encode(text);
const takenAtMs = Date.parse('2025-10-01T10:31:00Z');
const read = (body: unknown, topicToken = 'shopfloor1') =>
  readReport(topicToken, bytes(JSON.stringify(body)), takenAtMs);

test('a report is read as it came', () => {
  expect(read(report)).toEqual({ isReport: true, report });
});

test('a bare number and the long name are the same floor, in topic and body', () => {
  for (const topicToken of ['1', 'shopfloor1']) {
    for (const shopfloorId of ['1', 'shopfloor1']) {
      expect(read({ ...report, shopfloorId }, topicToken)).toEqual({ isReport: true, report });
    }
  }
});

test('what is reported for later is refused, a clock that is a little ahead is not', () => {
  expect(read({ ...report, timestamp: '2025-10-01T10:36:00Z' })).toMatchObject({ isReport: true });
  expect(read({ ...report, timestamp: '2025-10-01T13:31:00Z' })).toMatchObject({
    reason: 'ObservedInFuture',
    detail: 'timestamp: is 10800 s in the future; at most 300 s are believed',
  });
});

test('what is no JSON says so', () => {
  expect(readReport('1', bytes('produced 5'), takenAtMs)).toMatchObject({ isReport: false, reason: 'NotJson' });
  expect(readReport('1', bytes(''), takenAtMs)).toMatchObject({ reason: 'NotJson' });
});

test('what has the wrong shape names every field that is wrong', () => {
  const { timestamp: _, ...timeless } = report;
  expect(read(timeless)).toMatchObject({ reason: 'BadShape', detail: expect.stringMatching(/^timestamp: /) });
  expect(read({ ...report, produced: -1, defective: 1.5 })).toMatchObject({
    reason: 'BadShape',
    detail: expect.stringMatching(/^produced: .*; defective: /),
  });
  expect(read([])).toMatchObject({ reason: 'BadShape', detail: expect.stringMatching(/^body: /) });
});

test('a floor reports for itself only', () => {
  expect(read(report, '2')).toEqual({
    isReport: false,
    reason: 'BadShape',
    detail: 'shopfloorId: says shopfloor1, but it came from shopfloor2',
  });
});

test.each(['2025-10-01T12:30:00+02:00', '2025-10-01T10:30Z', '2025-10-01 10:30:00Z'])(
  'the time %s is refused with what a time looks like',
  (timestamp) => {
    const detail = 'timestamp: must be a UTC instant such as 2026-11-24T20:15:00Z';
    expect(read({ ...report, timestamp })).toEqual({ isReport: false, reason: 'BadShape', detail });
  },
);

test('a floor whose id would make no job id is no floor, however its number is written', () => {
  for (const shopfloorId of ['1'.repeat(33), '1'.repeat(64), 'a'.repeat(33)]) {
    expect(read({ ...report, shopfloorId }, shopfloorId)).toMatchObject({
      reason: 'BadShape',
      detail: expect.stringMatching(/^shopfloorId: /),
    });
  }
  const longest = read({ ...report, orderId: 'ORD-1234567890ABCDEF', shopfloorId: '1'.repeat(32) }, '1'.repeat(32));
  if (!longest.isReport) throw new Error(longest.detail);
  const { orderId, shopfloorId } = longest.report;
  expect(plantSubject({ site: 'main', entity: 'job', id: jobIdOf(orderId, shopfloorId) })).toContain(shopfloorId);
});

test('a body that is far too large is not read', () => {
  expect(readReport('1', new Uint8Array(REPORT_BYTES_MAX + 1), takenAtMs)).toMatchObject({ reason: 'TooLarge' });
});
