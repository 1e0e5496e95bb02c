import { type AlertEvent, alertIdOf, occurrenceIdOf } from '@stratum/contracts/alert/alert.ts';
import { expectLaws, foldAll, recordedEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alertOccurrences } from './alert-occurrences.ts';
import { alerts } from './alerts.ts';

const wear = { twinId: 'turbine1', parameter: 'vibration', direction: 'high' } as const;
const alertId = alertIdOf(wear.twinId, wear.parameter, wear.direction);
const at = (minute: number) => new Date(Date.UTC(2026, 10, 24, 20, minute)).toISOString();
const keyOf = (raisedMinute: number) => ({ ...wear, alertId, occurrenceId: occurrenceIdOf(at(raisedMinute), alertId) });

const raised = (minute: number): AlertEvent => ({
  type: 'AlertRaised',
  data: {
    ...keyOf(minute),
    priority: 2,
    value: 101,
    limit: 100,
    unit: 'mm/s',
    raisedAt: at(minute),
    readingPosition: 'TELEMETRY:100',
  },
});
const escalated = (raisedMinute: number, minute: number): AlertEvent => ({
  type: 'AlertEscalated',
  data: {
    ...keyOf(raisedMinute),
    priority: 1,
    value: 121,
    limit: 120,
    escalatedAt: at(minute),
    readingPosition: 'TELEMETRY:110',
  },
});
const persisted = (raisedMinute: number): AlertEvent => ({
  type: 'AlertPersisted',
  data: { ...keyOf(raisedMinute), persistedAt: at(raisedMinute + 5), windowSeconds: 300, readingPosition: null },
});
const cleared = (raisedMinute: number, minute: number): AlertEvent => ({
  type: 'AlertCleared',
  data: { ...keyOf(raisedMinute), value: 98, clearedAt: at(minute), peak: 123, readingPosition: 'TELEMETRY:120' },
});
const acknowledged = (raisedMinute: number, minute: number, note?: string): AlertEvent => ({
  type: 'AlertAcknowledged',
  data: {
    ...keyOf(raisedMinute),
    acknowledgedBy: 'Olga Operator',
    acknowledgedAt: at(minute),
    ...(note === undefined ? {} : { note }),
  },
});

const recorded = (events: AlertEvent[]) => events.map((event, index) => recordedEvent(index + 1, event));
const alertAfter = (...events: AlertEvent[]) => foldAll(alerts, recorded(events)).get(alertId);
const occurrencesAfter = (...events: AlertEvent[]) => [...foldAll(alertOccurrences, recorded(events)).values()];

describe('an alert', () => {
  test('is active and unacknowledged when it is raised', () => {
    expect(alertAfter(raised(0))).toEqual({
      _id: alertId,
      ...keyOf(0),
      site: 'main',
      occurrences: 1,
      unit: 'mm/s',
      state: 'UNACK',
      priority: 2,
      value: 101,
      limit: 100,
      raisedAt: at(0),
      persistedAt: null,
      clearedAt: null,
      acknowledgedAt: null,
      acknowledgedBy: null,
      note: null,
      readingPosition: 'TELEMETRY:100',
      raisedPosition: 'PLANT:1',
      _position: 1,
    });
  });

  test('is over once it is acknowledged and back to normal, in either order', () => {
    expect(alertAfter(raised(0), acknowledged(0, 1, 'seen'))).toMatchObject({ state: 'ACKED', note: 'seen' });
    expect(alertAfter(raised(0), acknowledged(0, 1), cleared(0, 2))).toMatchObject({ state: 'NORM', clearedAt: at(2) });
    expect(alertAfter(raised(0), cleared(0, 2))).toMatchObject({ state: 'RTNUN', acknowledgedAt: null });
    expect(alertAfter(raised(0), cleared(0, 2), acknowledged(0, 3))).toMatchObject({
      state: 'NORM',
      acknowledgedAt: at(3),
      acknowledgedBy: 'Olga Operator',
    });
  });

  test('takes on the priority it is escalated to, and tells when it became persistent', () => {
    expect(alertAfter(raised(0), escalated(0, 1), persisted(0))).toMatchObject({
      state: 'UNACK',
      priority: 1,
      value: 121,
      limit: 120,
      persistedAt: at(5),
      raisedAt: at(0),
    });
  });

  test('that goes active again is a new occurrence; what comes late for the old one stays there', () => {
    const life = [raised(0), cleared(0, 2), raised(10), acknowledged(0, 11)];
    expect(alertAfter(...life)).toMatchObject({ state: 'UNACK', occurrences: 2, raisedAt: at(10), clearedAt: null });
    expect(occurrencesAfter(...life)).toMatchObject([
      { _id: keyOf(0).occurrenceId, state: 'NORM', acknowledgedAt: at(11) },
      { _id: keyOf(10).occurrenceId, state: 'UNACK', acknowledgedAt: null },
    ]);
  });
});

describe('any history', () => {
  const minutes = fc.integer({ min: 0, max: 3 });
  const events = fc.oneof(
    minutes.map(raised),
    minutes.map((minute) => escalated(minute, minute)),
    minutes.map(persisted),
    minutes.map((minute) => cleared(minute, minute + 1)),
    minutes.map((minute) => acknowledged(minute, minute + 2)),
  );
  const histories = fc.array(events, { maxLength: 20 }).map(recorded);

  test('folds to the same alerts however it is cut and repeated', () => expectLaws(alerts, histories));
  test('folds to the same occurrences however it is cut and repeated', () => expectLaws(alertOccurrences, histories));
});
