import { type Limits, limitsSchema } from '@stratum/contracts/twin/twin.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AlertState, alertDecider } from './alert.ts';
import { calm, judge, type Memory, type Observation, reconcile, sideOf, unseen, type Verdict } from './detection.ts';

const START_MS = Date.parse('2026-11-24T20:00:00Z');
const limitsOf = (more: Partial<Limits> = {}): Limits =>
  limitsSchema.parse({ low: 10, high: 60, deadband: 1, priority: 2, ...more });

/** Readings 10 s apart, or at the seconds given; `sequence` grows by one with each. */
const readings = (values: (number | [second: number, value: number])[]): Observation[] =>
  values.map((one, index) => {
    const [second, value] = typeof one === 'number' ? [index * 10, one] : one;
    return { sequence: index + 1, atMs: START_MS + second * 1000, value };
  });

function judgeAll(limits: Limits, observations: Observation[], from: Memory = unseen) {
  let memory = from;
  const verdicts: (Verdict & { sequence: number })[] = [];
  for (const observation of observations) {
    const judged = judge(limits, memory, observation);
    memory = judged.memory;
    verdicts.push(...judged.verdicts.map((verdict) => ({ ...verdict, sequence: observation.sequence })));
  }
  return { memory, verdicts };
}

const inShort = (limits: Limits, values: Parameters<typeof readings>[0]) =>
  judgeAll(limits, readings(values)).verdicts.map(
    ({ verdict, direction, sequence }) => `${verdict} ${direction} at ${sequence}`,
  );

describe('a verdict', () => {
  test('is given once per crossing, with the limit that was crossed and the worst value', () => {
    expect(judgeAll(limitsOf(), readings([50, 61, 65, 62, 55])).verdicts).toStrictEqual([
      { verdict: 'raise', direction: 'high', priority: 2, limit: 60, sequence: 2 },
      { verdict: 'clear', direction: 'high', peak: 65, sequence: 5 },
    ]);
    expect(judgeAll(limitsOf(), readings([50, 9, 4, 8, 20])).verdicts).toStrictEqual([
      { verdict: 'raise', direction: 'low', priority: 2, limit: 10, sequence: 2 },
      { verdict: 'clear', direction: 'low', peak: 4, sequence: 5 },
    ]);
  });
  test('is not given for a value exactly at its limit', () => {
    expect(inShort(limitsOf(), [60, 10, 60])).toStrictEqual([]);
  });
  test('clears only once the value is back inside by the deadband', () => {
    expect(inShort(limitsOf(), [61, 59.5, 60.5, 59.1, 59])).toStrictEqual(['raise high at 1', 'clear high at 5']);
  });
  test('waits for the on-delay by event time, unbroken', () => {
    const limits = limitsOf({ onDelaySeconds: 20 });
    expect(inShort(limits, [61, 61, 50, 61, 61, 61])).toStrictEqual(['raise high at 6']);
    expect(
      inShort(limits, [
        [0, 61],
        [19, 61],
        [21, 61],
      ]),
    ).toStrictEqual(['raise high at 3']);
  });
  test('waits for the off-delay by event time, unbroken, also inside the deadband', () => {
    const limits = limitsOf({ offDelaySeconds: 20 });
    expect(inShort(limits, [61, 50, 50, 59.5, 50, 50, 50])).toStrictEqual(['raise high at 1', 'clear high at 7']);
  });
  test('is critical past the trip limit, at once or later', () => {
    const limits = limitsOf({ tripHigh: 80, tripLow: 5 });
    expect(judgeAll(limits, readings([61, 81, 85, 50, 4, 50])).verdicts).toStrictEqual([
      { verdict: 'raise', direction: 'high', priority: 2, limit: 60, sequence: 1 },
      { verdict: 'escalate', direction: 'high', priority: 1, limit: 80, sequence: 2 },
      { verdict: 'clear', direction: 'high', peak: 85, sequence: 4 },
      { verdict: 'raise', direction: 'low', priority: 1, limit: 5, sequence: 5 },
      { verdict: 'clear', direction: 'low', peak: 4, sequence: 6 },
    ]);
  });
  test('is judged anew with the next reading when the limits change', () => {
    const raised = judgeAll(limitsOf(), readings([61]));
    const more = readings([61, 61]).slice(1);
    expect(judgeAll(limitsOf({ priority: 1 }), more, raised.memory).verdicts).toMatchObject([
      { verdict: 'escalate', priority: 1, limit: 60 },
    ]);
    expect(judgeAll(limitsOf({ high: 70 }), more, raised.memory).verdicts).toMatchObject([{ verdict: 'clear' }]);
  });
  test('makes an alert persistent with the first reading five minutes after it was raised', () => {
    expect(
      inShort(limitsOf(), [
        [0, 61],
        [299, 61],
        [300, 61],
        [310, 61],
      ]),
    ).toStrictEqual(['raise high at 1', 'persist high at 3']);
  });
  test('makes an alert persistent before clearing it when five minutes passed in silence', () => {
    expect(
      inShort(limitsOf(), [
        [0, 61],
        [600, 50],
      ]),
    ).toStrictEqual(['raise high at 1', 'persist high at 2', 'clear high at 2']);
  });
  test('is not turned by a reading from before the newest one', () => {
    expect(
      inShort(limitsOf(), [
        [0, 50],
        [20, 61],
        [10, 50],
        [30, 61],
      ]),
    ).toStrictEqual(['raise high at 2']);
    expect(
      inShort(limitsOf(), [
        [0, 50],
        [20, 50],
        [10, 61],
      ]),
    ).toStrictEqual([]);
  });
  test('raises once at an instant, for the instant names the occurrence', () => {
    expect(
      inShort(limitsOf(), [
        [0, 61],
        [0, 50],
        [0, 61],
        [1, 61],
      ]),
    ).toStrictEqual(['raise high at 1', 'clear high at 2', 'raise high at 4']);
  });
});

const observed = fc
  .array(fc.record({ gapSeconds: fc.integer({ min: 0, max: 200 }), value: fc.integer({ min: 0, max: 100 }) }), {
    maxLength: 60,
  })
  .map((steps) => {
    let second = 0;
    const timed = steps.map(({ gapSeconds, value }): [number, number] => {
      second += gapSeconds;
      return [second, value];
    });
    return readings(timed);
  });
const anyLimits = fc
  .record({
    deadband: fc.integer({ min: 0, max: 5 }),
    onDelaySeconds: fc.constantFrom(0, 10, 60),
    offDelaySeconds: fc.constantFrom(0, 10, 60),
    tripHigh: fc.constantFrom(undefined, 80),
  })
  .map(({ tripHigh, ...more }) => limitsOf(tripHigh === undefined ? more : { ...more, tripHigh }));

describe('whatever the readings', () => {
  test('raise and clear take turns, and no verdict falls between clear and raise', () => {
    fc.assert(
      fc.property(anyLimits, observed, (limits, observations) => {
        for (const direction of ['high', 'low']) {
          const given = judgeAll(limits, observations).verdicts.filter((one) => one.direction === direction);
          expect(given.map((one) => one.verdict[0]).join('')).toMatch(/^(r[ep]{0,2}c)*(r[ep]{0,2})?$/);
        }
      }),
    );
  });
  test('readings that come late change nothing', () => {
    fc.assert(
      fc.property(anyLimits, observed, fc.integer({ min: 0, max: 100 }), (limits, observations, value) => {
        const withLate = observations.flatMap((one) => [one, { ...one, atMs: one.atMs - 1, value }]);
        expect(judgeAll(limits, withLate).verdicts).toStrictEqual(judgeAll(limits, observations).verdicts);
      }),
    );
  });
  test('readings older than the last verdict change nothing for a worker that knows only the log', () => {
    fc.assert(
      fc.property(anyLimits, observed, fc.integer({ min: 0, max: 100 }), (limits, observations, value) => {
        const { verdicts } = judgeAll(limits, observations);
        const causes = verdicts.filter(({ verdict }) => verdict !== 'persist').map(({ sequence }) => sequence);
        const cause = observations[Math.max(0, ...causes) - 1];
        fc.pre(cause !== undefined);
        const logged = logOf(verdicts, observations);
        const memory = { ...unseen, high: sideOf(logged.high, 0), low: sideOf(logged.low, 0) };
        const late = { sequence: observations.length + 1, atMs: cause.atMs - 1, value };
        expect(judge(limits, memory, late)).toStrictEqual({ memory, verdicts: [] });
      }),
    );
  });
  test('a worker that starts again from the log at a held-back place goes on as if it had never stopped', () => {
    fc.assert(
      fc.property(anyLimits, observed, fc.nat(60), fc.nat(20), (limits, observations, stopAt, back) => {
        const all = judgeAll(limits, observations);
        const before = judgeAll(limits, observations.slice(0, stopAt));
        const logged = logOf(before.verdicts, observations);
        const heldBack = firstPendingOf(before.memory) ?? stopAt + 1;
        const from = Math.max(0, Math.min(stopAt, heldBack - 1) - back);
        const memory: Memory = {
          observedAtMs: Number.NEGATIVE_INFINITY,
          high: sideOf(logged.high, peakOf('high', before.memory)),
          low: sideOf(logged.low, peakOf('low', before.memory)),
        };
        const after = judgeAll(limits, observations.slice(from), memory).verdicts;
        expect(after.filter((one) => !isLogged(logged, one))).toStrictEqual(all.verdicts.slice(before.verdicts.length));
      }),
    );
  });
});

describe('memory and log', () => {
  const raised = judgeAll(limitsOf(), readings([50, 61])).memory.high;
  const log = (values: number[]) => {
    const observations = readings(values);
    return logOf(judgeAll(limitsOf(), observations).verdicts, observations).high;
  };
  test('an event of one’s own changes nothing', () => {
    expect(reconcile(raised, log([50, 61]), 61)).toStrictEqual(raised);
  });
  test('what another worker decided later is taken over', () => {
    expect(reconcile(raised, log([50, 61, 50]), 61)).toMatchObject({ is: 'normal', cause: { sequence: 3 } });
    expect(reconcile(calm, log([50, 61]), 61)).toStrictEqual(raised);
  });
  test('an old event does not undo a newer verdict', () => {
    const cleared = judgeAll(limitsOf(), readings([50, 61, 50])).memory.high;
    expect(reconcile(cleared, log([50, 61]), 61)).toStrictEqual(cleared);
  });
  test('of an occurrence that another worker raised earlier the log has the facts', () => {
    const second = judgeAll(limitsOf({ high: 70 }), readings([50, 61, 75])).memory.high;
    expect(reconcile(second, log([50, 61]), 61)).toMatchObject({
      is: 'active',
      raisedAtMs: START_MS + 10_000,
      peak: 75,
    });
  });
});

type Logged = { high: AlertState; low: AlertState };

/** The alerts of both directions as the log would know them after these verdicts. */
function logOf(verdicts: (Verdict & { sequence: number })[], observations: Observation[]): Logged {
  const logged: Logged = { high: alertDecider.initial, low: alertDecider.initial };
  for (const verdict of verdicts) {
    const observation = observations.find((one) => one.sequence === verdict.sequence);
    if (observation === undefined) throw new Error('a verdict without its reading');
    const events = alertDecider.decide(logged[verdict.direction], commandOf(verdict, observation));
    expect(events).toHaveLength(1);
    logged[verdict.direction] = events.reduce<AlertState>(alertDecider.evolve, logged[verdict.direction]);
  }
  return logged;
}

/** Whether the log would decide nothing upon this verdict. */
function isLogged(logged: Logged, verdict: Verdict & { sequence: number }): boolean {
  const state = logged[verdict.direction];
  if (verdict.verdict === 'persist') return state.occurrence?.hasPersisted === true;
  return state.cause !== undefined && verdict.sequence <= state.cause.sequence;
}

function commandOf(verdict: Verdict, { sequence, atMs, value }: Observation) {
  const at = new Date(atMs).toISOString();
  const sent = { id: 'c', actor: 'reactor:alert', correlationId: 'c', time: at } as const;
  const key = { twinId: 'pump1', parameter: 'flow', direction: verdict.direction };
  const read = { value, readingPosition: `TELEMETRY:${sequence}` };
  switch (verdict.verdict) {
    case 'raise':
      return { ...sent, type: 'RaiseAlert', data: { ...key, ...read, ...verdict, unit: '', raisedAt: at } } as const;
    case 'escalate':
      return { ...sent, type: 'EscalateAlert', data: { ...key, ...read, ...verdict, escalatedAt: at } } as const;
    case 'clear':
      return { ...sent, type: 'ClearAlert', data: { ...key, ...read, ...verdict, clearedAt: at } } as const;
    case 'persist': {
      const occurrenceId = `${new Date(verdict.raisedAtMs).toISOString()}~pump1_flow_${verdict.direction}`;
      return { ...sent, type: 'PersistAlert', data: { ...key, ...read, occurrenceId, at } } as const;
    }
  }
}

function firstPendingOf({ high, low }: Memory): number | undefined {
  const sequences = [high, low].flatMap((side) => side.pending?.sequence ?? []);
  return sequences.length === 0 ? undefined : Math.min(...sequences);
}

function peakOf(direction: 'high' | 'low', memory: Memory): number {
  const side = memory[direction];
  return side.is === 'active' ? side.peak : 0;
}
