import type { AlertDocument } from '@stratum/contracts/alert/alert.ts';
import type { Parameter } from '@stratum/contracts/twin/twin.ts';
import { describe, expect, it } from 'vitest';
import { byUrgency, isActive, isReturned, isUnacknowledged, severityOf, worse } from './severity.ts';

const parameter: Parameter = {
  key: 'vibration',
  name: 'Vibration',
  unit: 'mm/s',
  limits: {
    low: 20,
    high: 100,
    tripLow: 5,
    tripHigh: 120,
    deadband: 0,
    onDelaySeconds: 0,
    offDelaySeconds: 0,
    priority: 3,
  },
};

function alert(state: AlertDocument['state'], priority: AlertDocument['priority'], raisedAt: string): AlertDocument {
  return {
    _id: `turbine1_vibration_${raisedAt}`,
    occurrences: 1,
    alertId: 'turbine1_vibration_high',
    occurrenceId: raisedAt,
    twinId: 'turbine1',
    site: 'main',
    parameter: 'vibration',
    direction: 'high',
    unit: 'mm/s',
    state,
    priority,
    value: 101,
    limit: 100,
    raisedAt,
    persistedAt: null,
    clearedAt: null,
    acknowledgedAt: null,
    acknowledgedBy: null,
    note: null,
    readingPosition: 'TELEMETRY:1',
    raisedPosition: 'PLANT:1',
    _position: 1,
  };
}

describe('severity', () => {
  it('is normal up to the limits, the parameter’s own beyond them, critical from the trip limits on', () => {
    expect([20, 100].map((value) => severityOf(parameter, value))).toEqual([0, 0]);
    expect([19.9, 100.1].map((value) => severityOf(parameter, value))).toEqual([3, 3]);
    expect([5, 120].map((value) => severityOf(parameter, value))).toEqual([1, 1]);
  });

  it('of two is the more urgent, and normal never wins', () => {
    expect(worse(0, 3)).toBe(3);
    expect(worse(2, 1)).toBe(1);
    expect(worse(3, 0)).toBe(3);
    expect(worse(0, 0)).toBe(0);
  });
});

describe('an alarm list', () => {
  it('tells what is outside now from what came back and still waits for an acknowledgement', () => {
    const states = ['NORM', 'UNACK', 'ACKED', 'RTNUN', 'SHLVD', 'DSUPR', 'OOSRV'] as const;
    expect(states.filter((state) => isActive(alert(state, 1, 'x')))).toEqual(['UNACK', 'ACKED']);
    expect(states.filter((state) => isReturned(alert(state, 1, 'x')))).toEqual(['RTNUN']);
    expect(isUnacknowledged(alert('RTNUN', 1, 'x'))).toBe(true);
    expect(isUnacknowledged(alert('ACKED', 1, 'x'))).toBe(false);
  });

  it('is ordered: active, then unacknowledged, then priority, then newest', () => {
    const returned = alert('RTNUN', 1, '2026-11-24T13:00:00Z');
    const acknowledged = alert('ACKED', 1, '2026-11-24T10:00:00Z');
    const low = alert('UNACK', 3, '2026-11-24T12:00:00Z');
    const older = alert('UNACK', 2, '2026-11-24T10:00:00Z');
    const newer = alert('UNACK', 2, '2026-11-24T11:00:00Z');
    expect([returned, acknowledged, low, older, newer].sort(byUrgency)).toEqual([
      newer,
      older,
      low,
      acknowledged,
      returned,
    ]);
  });
});
