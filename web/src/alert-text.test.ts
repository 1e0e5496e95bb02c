import type { AlertDocument } from '@stratum/contracts/alert/alert.ts';
import type { TwinDirectoryDocument } from '@stratum/contracts/twin/twin.ts';
import { expect, it } from 'vitest';
import { alertText } from './alert-text.ts';

const twin: TwinDirectoryDocument = {
  _id: 'turbine1',
  twinId: 'turbine1',
  name: 'Turbine',
  twinType: 'turbine',
  valueStream: 'Power',
  site: 'main',
  reportingPeriodSeconds: 10,
  status: 'commissioned',
  commissionedAt: '2026-11-24T00:00:00Z',
  _position: 1,
  parameters: [
    {
      key: 'vibration',
      name: 'Vibration',
      unit: 'mm/s',
      limits: { low: 20, high: 100, tripHigh: 120, deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 2 },
      limitsChange: null,
    },
  ],
};
const alert: AlertDocument = {
  _id: 'turbine1_vibration_high',
  occurrences: 1,
  alertId: 'turbine1_vibration_high',
  occurrenceId: 'x',
  twinId: 'turbine1',
  site: 'main',
  parameter: 'vibration',
  direction: 'high',
  unit: 'mm/s',
  state: 'UNACK',
  priority: 2,
  value: 101,
  limit: 100,
  raisedAt: '2026-11-24T00:00:00Z',
  persistedAt: null,
  clearedAt: null,
  acknowledgedAt: null,
  acknowledgedBy: null,
  note: null,
  readingPosition: 'TELEMETRY:1',
  raisedPosition: 'PLANT:1',
  _position: 1,
};

it('reads an alarm with its twin and the newest value', () => {
  expect(alertText(alert, twin, 104.26)).toEqual({
    twin: 'Turbine',
    what: 'Vibration high',
    limit: '100.0',
    unit: 'mm/s',
    value: '104.3',
  });
});

it('says high-high when the trip limit was crossed', () => {
  expect(alertText({ ...alert, limit: 120, priority: 1 }, twin).what).toBe('Vibration high-high');
});

it('falls back to ids while the twin is unknown', () => {
  expect(alertText(alert, undefined)).toEqual({
    twin: 'turbine1',
    what: 'vibration high',
    limit: '100.0',
    unit: 'mm/s',
    value: '101.0',
  });
});
