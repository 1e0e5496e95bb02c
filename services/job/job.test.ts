import type { JobEvent } from '@stratum/contracts/job/job.ts';
import { given } from '@stratum/infra/testing/given.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type JobCommand, job, reportIdOf } from './job.ts';

const orderId = 'ORD-1234567890';
const key = { jobId: `${orderId}_shopfloor1`, orderId, shopfloorId: 'shopfloor1' };
const instruction = { orderId, description: 'Cola Bottles 500ml', quantity: 1000, material: 'PET Plastic' };
const topic = 'shopfloor/shopfloor1/instructions';
const reportedAt = '2025-10-01T10:30:00Z';

const released: JobEvent = { type: 'JobReleased', data: { ...key, instruction } };
const dispatched: JobEvent = { type: 'JobDispatched', data: { ...key, topic } };
type Made = { reportId: string; produced: number; defective: number };
const reported = (made: Made, goodTotal: number, defectiveTotal: number, jobCompleted = false): JobEvent => ({
  type: 'WorkReported',
  data: {
    ...key,
    ...made,
    description: 'Cola Bottles 500ml',
    quantity: 1000,
    reportedAt,
    goodTotal,
    defectiveTotal,
    jobCompleted,
  },
});

type Wish = JobCommand extends infer C ? (C extends JobCommand ? Pick<C, 'type' | 'data'> : never) : never;
const command = (wish: Wish): JobCommand => ({
  ...wish,
  id: 'command1',
  actor: 'gateway:report',
  correlationId: 'correlation1',
  time: reportedAt,
});
const report = (made: Made) => command({ type: 'ReportWork', data: { ...key, ...made, reportedAt } });

describe('job', () => {
  test('is released once', () => {
    const release = command({ type: 'ReleaseJob', data: { ...key, instruction } });
    given(job, []).when(release).then([released]);
    given(job, [released]).when(release).thenNothing();
  });

  test('is dispatched once, even if a report overtook the acknowledgement', () => {
    const dispatch = command({ type: 'DispatchJob', data: { ...key, topic } });
    const first = { reportId: 'a', produced: 10, defective: 0 };
    given(job, [released]).when(dispatch).then([dispatched]);
    given(job, [released, reported(first, 10, 0)])
      .when(dispatch)
      .then([dispatched]);
    given(job, [released, dispatched]).when(dispatch).thenNothing();
    given(job, []).when(dispatch).thenRejected('UnknownOrder');
  });

  test('adds up reports and is completed when good and defective pieces reach its quantity', () => {
    const first = { reportId: 'a', produced: 600, defective: 20 };
    const second = { reportId: 'b', produced: 350, defective: 30 };
    given(job, [released, dispatched])
      .when(report(first))
      .then([reported(first, 600, 20)]);
    given(job, [released, dispatched, reported(first, 600, 20)])
      .when(report(second))
      .then([reported(second, 950, 50, true)]);
  });

  test('takes more pieces than were asked for', () => {
    const much = { reportId: 'a', produced: 1500, defective: 0 };
    given(job, [released])
      .when(report(much))
      .then([reported(much, 1500, 0, true)]);
  });

  test('hears the same report once, also when it was the one that completed it', () => {
    const only = { reportId: 'a', produced: 1000, defective: 0 };
    given(job, [released, reported(only, 1000, 0, true)])
      .when(report(only))
      .thenNothing();
  });

  test('refuses another report once it is completed', () => {
    const only = { reportId: 'a', produced: 1000, defective: 0 };
    given(job, [released, reported(only, 1000, 0, true)])
      .when(report({ reportId: 'b', produced: 1, defective: 0 }))
      .thenRejected('JobCompleted');
  });

  test('refuses a report of work it was never given', () => {
    given(job, [])
      .when(report({ reportId: 'a', produced: 1, defective: 0 }))
      .thenRejected('UnknownOrder');
  });

  test('passes its due date on to its reports', () => {
    const dueAt = '2026-11-24T12:00:00Z';
    const only = { reportId: 'a', produced: 5, defective: 0 };
    const late = { ...reported(only, 5, 0), data: { ...reported(only, 5, 0).data, dueAt } } as JobEvent;
    given(job, [{ ...released, data: { ...released.data, dueAt } } as JobEvent])
      .when(report(only))
      .then([late]);
  });

  test('counts the same whatever is told twice', () => {
    const reports = fc.uniqueArray(fc.record({ produced: fc.nat(50), defective: fc.nat(5), minute: fc.nat(59) }), {
      selector: ({ produced, defective, minute }) => `${minute} ${produced} ${defective}`,
      maxLength: 12,
    });
    fc.assert(
      fc.property(reports, fc.infiniteStream(fc.nat(3)), (made, repeats) => {
        const told = made.flatMap((each) => {
          const again = Number(repeats.next().value);
          return Array.from({ length: 1 + again }, () => each);
        });
        const sum = (list: typeof made) =>
          list.reduce(
            (state, { minute, ...pieces }) => {
              const timestamp = new Date(Date.UTC(2025, 9, 1, 10, minute)).toISOString();
              const wish = report({ reportId: reportIdOf({ ...pieces, timestamp }), ...pieces });
              return job.decide(state, wish).reduce(job.evolve, state);
            },
            job.evolve(job.initial, released),
          );
        expect(sum(told)).toEqual(sum(made));
      }),
    );
  });

  test('remembers every one of many reports', () => {
    const history: JobEvent[] = [released];
    for (let n = 1; n <= 700; n += 1) history.push(reported({ reportId: `r${n}`, produced: 1, defective: 0 }, n, 0));
    for (const n of [1, 256, 257, 700]) {
      given(job, history)
        .when(report({ reportId: `r${n}`, produced: 1, defective: 0 }))
        .thenNothing();
    }
    const next = { reportId: 'r701', produced: 1, defective: 0 };
    given(job, history)
      .when(report(next))
      .then([reported(next, 701, 0)]);
  });

  test('names reports by content, not by how the instant is written', () => {
    const content = { produced: 2950, defective: 50 };
    expect(reportIdOf({ ...content, timestamp: '2025-10-01T10:30:00Z' })).toBe('2025-10-01T10:30:00.000Z_2950_50');
    expect(reportIdOf({ ...content, timestamp: '2025-10-01T10:30:00.000Z' })).toBe('2025-10-01T10:30:00.000Z_2950_50');
  });
});
