import type { AlertEvent } from '@stratum/contracts/alert/alert.ts';
import { given } from '@stratum/infra/testing/given.ts';
import { describe, test } from 'vitest';
import { type AlertCommand, alertDecider } from './alert.ts';

const wear = { twinId: 'turbine1', parameter: 'vibration', direction: 'high' } as const;
const key = {
  ...wear,
  alertId: 'turbine1_vibration_high',
  occurrenceId: '2026-11-24T20:00:00.000Z~turbine1_vibration_high',
};
const later = { ...key, occurrenceId: '2026-11-24T21:00:00.000Z~turbine1_vibration_high' };
const sent = { id: 'c1', actor: 'reactor:alert', correlationId: 'r1', time: '2026-11-24T20:09:00.000Z' } as const;

const raised = {
  type: 'AlertRaised',
  data: {
    ...key,
    priority: 2,
    value: 101,
    limit: 100,
    unit: 'mm/s',
    raisedAt: '2026-11-24T20:00:00.000Z',
    readingPosition: 'TELEMETRY:100',
  },
} as const satisfies AlertEvent;
const escalated = {
  type: 'AlertEscalated',
  data: {
    ...key,
    priority: 1,
    value: 121,
    limit: 120,
    escalatedAt: '2026-11-24T20:02:00.000Z',
    readingPosition: 'TELEMETRY:120',
  },
} as const satisfies AlertEvent;
const cleared = {
  type: 'AlertCleared',
  data: { ...key, value: 98, clearedAt: '2026-11-24T20:10:00.000Z', peak: 123, readingPosition: 'TELEMETRY:200' },
} as const satisfies AlertEvent;
const persisted = {
  type: 'AlertPersisted',
  data: { ...key, persistedAt: '2026-11-24T20:05:00.000Z', windowSeconds: 300, readingPosition: 'TELEMETRY:150' },
} as const satisfies AlertEvent;
const acknowledged = {
  type: 'AlertAcknowledged',
  data: { ...key, acknowledgedBy: 'Olga Operator', acknowledgedAt: sent.time, note: 'bearing ordered' },
} as const satisfies AlertEvent;

const raise = (raisedAt: string, sequence: number, occurrence = wear): AlertCommand => ({
  ...sent,
  type: 'RaiseAlert',
  data: {
    ...occurrence,
    priority: 2,
    value: 101,
    limit: 100,
    unit: 'mm/s',
    raisedAt,
    readingPosition: `TELEMETRY:${sequence}`,
  },
});
const escalate = (priority: 1 | 2 | 3, sequence: number): AlertCommand => ({
  ...sent,
  type: 'EscalateAlert',
  data: {
    ...wear,
    priority,
    value: 121,
    limit: 120,
    escalatedAt: '2026-11-24T20:02:00.000Z',
    readingPosition: `TELEMETRY:${sequence}`,
  },
});
const clear = (clearedAt: string, sequence: number): AlertCommand => ({
  ...sent,
  type: 'ClearAlert',
  data: { ...wear, value: 98, peak: 123, clearedAt, readingPosition: `TELEMETRY:${sequence}` },
});
const persist = (at: string, readingPosition: string | null, occurrenceId = key.occurrenceId): AlertCommand => ({
  ...sent,
  type: 'PersistAlert',
  data: { ...wear, occurrenceId, at, readingPosition },
});
const acknowledge: AlertCommand = {
  ...sent,
  type: 'AcknowledgeAlert',
  data: { acknowledgedBy: 'Olga Operator', note: 'bearing ordered' },
};

describe('raising', () => {
  test('a value beyond its limit raises an alert that is normal', () => {
    given(alertDecider, []).when(raise('2026-11-24T20:00:00.000Z', 100)).then([raised]);
  });
  test('an active alert is not raised again, acknowledged or not', () => {
    given(alertDecider, [raised]).when(raise('2026-11-24T20:00:10.000Z', 108)).thenNothing();
    given(alertDecider, [raised, acknowledged]).when(raise('2026-11-24T20:00:10.000Z', 108)).thenNothing();
  });
  test('a returned alert that nobody acknowledged is raised again as a new occurrence', () => {
    const again: AlertEvent = {
      type: 'AlertRaised',
      data: { ...raised.data, ...later, raisedAt: '2026-11-24T21:00:00.000Z', readingPosition: 'TELEMETRY:300' },
    };
    given(alertDecider, [raised, cleared]).when(raise('2026-11-24T21:00:00.000Z', 300)).then([again]);
  });
  test('a reading from before the one that cleared the alert raises nothing', () => {
    given(alertDecider, [raised, cleared]).when(raise('2026-11-24T20:05:00.000Z', 150)).thenNothing();
  });
  test('an alert is raised once at an instant', () => {
    const atOnce: AlertEvent = { ...cleared, data: { ...cleared.data, clearedAt: raised.data.raisedAt } };
    given(alertDecider, [raised, atOnce]).when(raise('2026-11-24T20:00:00.000Z', 201)).thenNothing();
  });
  test('a TELEMETRY stream that begins anew at 1 still raises alerts', () => {
    const again: AlertEvent = {
      type: 'AlertRaised',
      data: { ...raised.data, ...later, raisedAt: '2026-11-24T21:00:00.000Z', readingPosition: 'TELEMETRY:7' },
    };
    given(alertDecider, [raised, cleared]).when(raise('2026-11-24T21:00:00.000Z', 7)).then([again]);
  });
});

describe('escalating', () => {
  test('a value past the trip limit makes an active alert critical', () => {
    given(alertDecider, [raised]).when(escalate(1, 120)).then([escalated]);
    given(alertDecider, [raised, acknowledged]).when(escalate(1, 120)).then([escalated]);
  });
  test('an alert that is as urgent already, not active, or judged later stays as it is', () => {
    given(alertDecider, [raised, escalated]).when(escalate(1, 130)).thenNothing();
    given(alertDecider, [raised]).when(escalate(3, 120)).thenNothing();
    given(alertDecider, [raised, cleared]).when(escalate(1, 300)).thenNothing();
    given(alertDecider, []).when(escalate(1, 120)).thenNothing();
  });
});

describe('clearing', () => {
  test('a value back inside clears an active alert', () => {
    given(alertDecider, [raised]).when(clear('2026-11-24T20:10:00.000Z', 200)).then([cleared]);
    given(alertDecider, [raised, acknowledged, persisted]).when(clear('2026-11-24T20:10:00.000Z', 200)).then([cleared]);
  });
  test('what is normal or has returned is not cleared again', () => {
    given(alertDecider, []).when(clear('2026-11-24T20:10:00.000Z', 200)).thenNothing();
    given(alertDecider, [raised, cleared]).when(clear('2026-11-24T20:11:00.000Z', 208)).thenNothing();
  });
  test('a reading from before the one that raised the alert does not clear it', () => {
    given(alertDecider, [raised]).when(clear('2026-11-24T19:59:50.000Z', 92)).thenNothing();
  });
});

describe('persisting', () => {
  test('five minutes after it was raised an active alert is persistent, as of exactly then', () => {
    given(alertDecider, [raised]).when(persist('2026-11-24T20:05:03.000Z', 'TELEMETRY:150')).then([persisted]);
    given(alertDecider, [raised, acknowledged])
      .when(persist('2026-11-24T20:05:00.000Z', 'TELEMETRY:150'))
      .then([persisted]);
  });
  test('the clock decides when telemetry has fallen silent', () => {
    const byClock: AlertEvent = { ...persisted, data: { ...persisted.data, readingPosition: null } };
    given(alertDecider, [raised]).when(persist('2026-11-24T20:06:00.000Z', null)).then([byClock]);
  });
  test('not before the five minutes, not twice, not when it has cleared, not another occurrence', () => {
    given(alertDecider, [raised]).when(persist('2026-11-24T20:04:59.999Z', 'TELEMETRY:149')).thenNothing();
    given(alertDecider, [raised, persisted]).when(persist('2026-11-24T20:06:00.000Z', null)).thenNothing();
    given(alertDecider, [raised, cleared]).when(persist('2026-11-24T20:11:00.000Z', null)).thenNothing();
    given(alertDecider, [raised])
      .when(persist('2026-11-24T21:06:00.000Z', null, later.occurrenceId))
      .thenNothing();
  });
});

describe('acknowledging', () => {
  test('takes the occurrence that was seen, and no other unseen', () => {
    const { acknowledgedBy, note } = acknowledged.data;
    const seen: AlertCommand = {
      ...sent,
      type: 'AcknowledgeAlert',
      data: { acknowledgedBy, note, occurrenceId: key.occurrenceId },
    };
    const anew: AlertEvent = { ...raised, data: { ...raised.data, ...later } };
    given(alertDecider, [raised]).when(seen).then([acknowledged]);
    given(alertDecider, [raised, cleared, anew]).when(seen).thenRejected('OccurrenceChanged');
  });

  test('an active alert stays active and is acknowledged', () => {
    given(alertDecider, [raised]).when(acknowledge).then([acknowledged]);
    given(alertDecider, [raised, acknowledged]).when(acknowledge).thenRejected('AlreadyAcknowledged');
  });
  test('a returned alert becomes normal', () => {
    given(alertDecider, [raised, cleared]).when(acknowledge).then([acknowledged]);
    given(alertDecider, [raised, cleared, acknowledged]).when(acknowledge).thenRejected('AlertNotActive');
  });
  test('an acknowledged alert becomes normal when it clears', () => {
    given(alertDecider, [raised, acknowledged, cleared]).when(acknowledge).thenRejected('AlertNotActive');
  });
  test('an alert that was never raised is unknown', () => {
    given(alertDecider, []).when(acknowledge).thenRejected('UnknownAlert');
  });
});
