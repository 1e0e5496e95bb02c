import { readFileSync } from 'node:fs';
import type { Command } from '@stratum/contracts/envelope.ts';
import { type TwinDefinition, type TwinEvent, twinDefinitionSchema } from '@stratum/contracts/twin/twin.ts';
import { given } from '@stratum/infra/testing/given.ts';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type TwinCommand, twinDecider } from './twin.ts';

const rig: TwinDefinition = twinDefinitionSchema.parse({
  twinId: 'drillrig1',
  name: 'Drill Rig',
  twinType: 'drill-rig',
  valueStream: 'Upstream',
  parameters: [{ key: 'torque', name: 'Torque', unit: 'Nm', limits: { low: 50, high: 150 } }],
});
const limits = { low: 60, high: 140, deadband: 1, onDelaySeconds: 0, offDelaySeconds: 0, priority: 1 } as const;
const commissioned: TwinEvent = { type: 'TwinCommissioned', data: rig };
const limitsOf = (key: string) => rig.parameters.find((one) => one.key === key)?.limits ?? null;
const reason = 'worn bit';
const changed: Extract<TwinEvent, { type: 'LimitsChanged' }> = {
  type: 'LimitsChanged',
  data: { twinId: 'drillrig1', parameter: 'torque', limits, reason, previous: limitsOf('torque') },
};
const decommissioned: TwinEvent = { type: 'TwinDecommissioned', data: { twinId: 'drillrig1', reason: 'sold off' } };

function wish<Type extends TwinCommand['type']>(type: Type, data: Extract<TwinCommand, { type: Type }>['data']) {
  const command: Command<Type, typeof data> = {
    id: 'c1',
    type,
    data,
    actor: 'account:a1',
    correlationId: 'r1',
    time: '2026-11-24T20:00:00Z',
  };
  return command as TwinCommand;
}
const commission = (definition: TwinDefinition) => wish('CommissionTwin', definition);
const change = (parameter: string) => wish('ChangeLimits', { twinId: 'drillrig1', parameter, limits, reason });
const end = wish('DecommissionTwin', { twinId: 'drillrig1', reason: 'sold off' });

describe('a twin', () => {
  test('is commissioned with its definition', () => {
    given(twinDecider, []).when(commission(rig)).then([commissioned]);
  });
  test('commissioned again as the same changes nothing, even after its limits moved', () => {
    given(twinDecider, [commissioned, changed]).when(commission(rig)).thenNothing();
  });
  test('cannot be commissioned as something else', () => {
    given(twinDecider, [commissioned])
      .when(commission({ ...rig, twinType: 'pump' }))
      .thenRejected('TwinAlreadyCommissioned');
  });
  test('gets new limits for a parameter it has', () => {
    given(twinDecider, [commissioned]).when(change('torque')).then([changed]);
  });
  test('says of each change what was in force before, also after a change that was recorded without', () => {
    const widened = { ...limits, high: 160 };
    const then = { twinId: 'drillrig1', parameter: 'torque', limits: widened, reason, previous: limits };
    const wider = wish('ChangeLimits', { twinId: 'drillrig1', parameter: 'torque', limits: widened, reason });
    for (const previous of [limitsOf('torque'), null]) {
      const before: TwinEvent = { type: 'LimitsChanged', data: { ...changed.data, previous } };
      given(twinDecider, [commissioned, before])
        .when(wider)
        .then([{ type: 'LimitsChanged', data: then }]);
    }
  });
  test('given the limits it has already changes nothing', () => {
    given(twinDecider, [commissioned, changed]).when(change('torque')).thenNothing();
  });
  test('has no limits for a parameter it does not measure', () => {
    given(twinDecider, [commissioned]).when(change('sales')).thenRejected('UnknownParameter');
  });
  test('that was never commissioned has no limits', () => {
    given(twinDecider, []).when(change('torque')).thenRejected('UnknownTwin');
  });
  test('is decommissioned once', () => {
    given(twinDecider, [commissioned]).when(end).then([decommissioned]);
    given(twinDecider, [commissioned, decommissioned]).when(end).thenNothing();
    given(twinDecider, []).when(end).thenRejected('UnknownTwin');
  });
  test('that was decommissioned never comes back under its id', () => {
    const history = [commissioned, decommissioned];
    given(twinDecider, history).when(commission(rig)).thenRejected('TwinDecommissioned');
    given(twinDecider, history).when(change('torque')).thenRejected('TwinDecommissioned');
  });
});

test('the seed file is the catalogue of the first users, value by value', () => {
  const file = new URL('../../contracts/twin/catalogue.json', import.meta.url);
  const catalogue = z.array(twinDefinitionSchema).parse(JSON.parse(readFileSync(file, 'utf8')));
  const lines = catalogue.map(({ valueStream, twinType, twinId, parameters }) => {
    const measured = parameters.map((one) => `${one.key} ${one.unit} ${one.limits.low}–${one.limits.high}`);
    return [valueStream, twinType, twinId, measured.join(' · ')].join(' | ');
  });
  expect(lines).toEqual([
    'Upstream | drill-rig | drillrig1 | torque Nm 50–150 · pressure bar 10–60 · vibration mm/s 20–100',
    'Upstream | wellhead | wellhead1 | pressure bar 10–60 · temperature °C 50–100 · flowRate m³/h 100–500',
    'Midstream | pipeline | pipeline1 | pressure bar 10–60 · flowRate m³/h 100–500 · temperature °C 50–100',
    'Midstream | compressor | compressor1 | energyConsumption kWh 100–1000 · status  0–1',
    'Downstream | refinery | refinery1 | temperature °C 50–100 · pressure bar 10–60 · throughput units 100–500',
    'Downstream | retail-station | retail1 | fuelInventory L 5000–10000 · sales units 100–600',
    'Power | turbine | turbine1 | temperature °C 50–150 · pressure bar 10–60 · vibration mm/s 20–100',
    'Power | transformer | transformer1 | voltage V 110–120 · current A 5–25',
  ]);
  const urgent = new Map<string, number>();
  for (const { parameters } of catalogue) {
    for (const { key, limits: chosen } of parameters) {
      urgent.set(key, chosen.priority);
      expect(chosen.tripLow ?? chosen.tripHigh, `${key} has trip limits the catalogue does not name`).toBeUndefined();
      expect(chosen.deadband).toBeLessThanOrEqual((chosen.high - chosen.low) / 50);
    }
  }
  expect(Object.fromEntries(urgent)).toEqual({
    ...{ pressure: 1, vibration: 1, voltage: 1 },
    ...{ torque: 2, temperature: 2, flowRate: 2, current: 2, energyConsumption: 2, status: 2 },
    ...{ throughput: 3, fuelInventory: 3, sales: 3 },
  });
});
