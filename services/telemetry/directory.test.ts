import type { EventOf } from '@stratum/contracts/envelope.ts';
import { type TwinEvent, twinDefinitionSchema } from '@stratum/contracts/twin/twin.ts';
import { expect, test } from 'vitest';
import { type DirectoryEntry, foldEntry, isTwinEvent } from './directory.ts';

const definition = twinDefinitionSchema.parse({
  twinId: 'drillrig1',
  name: 'Drill Rig',
  twinType: 'drill-rig',
  valueStream: 'Upstream',
  parameters: [{ key: 'torque', name: 'Torque', unit: 'Nm', limits: { low: 50, high: 150 } }],
});
const limits = { low: 60, high: 140, deadband: 1, onDelaySeconds: 0, offDelaySeconds: 0, priority: 1 } as const;
const data = { twinId: 'drillrig1', parameter: 'torque', limits, reason: 'worn bit' };

/** The fold reads type and data alone. */
const recorded = (event: TwinEvent) => event as EventOf<TwinEvent>;
const fold = (...events: TwinEvent[]) => events.map(recorded).reduce<DirectoryEntry | undefined>(foldEntry, undefined);

test('an entry is the definition with the limits now in force, until the twin is decommissioned', () => {
  const commissioned: TwinEvent = { type: 'TwinCommissioned', data: definition };
  const changed: TwinEvent = { type: 'LimitsChanged', data };
  const ended: TwinEvent = { type: 'TwinDecommissioned', data: { twinId: 'drillrig1', reason: 'sold off' } };
  expect(fold(commissioned)).toEqual({ definition, isDecommissioned: false });
  expect(fold(commissioned, changed)?.definition.parameters[0]?.limits).toEqual(limits);
  expect(fold(commissioned, changed, ended)?.isDecommissioned).toBe(true);
  expect(fold(changed, ended)).toBeUndefined();
});

test('other events of the plant are not about twins', () => {
  expect(isTwinEvent({ type: 'TwinCommissioned' })).toBe(true);
  expect(isTwinEvent({ type: 'OrderPlaced' })).toBe(false);
});
