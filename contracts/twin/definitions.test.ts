import { describe, expect, test } from 'vitest';
import { definitionAfter, isTwinEvent } from './definitions.ts';
import { parameterKeySchema, type TwinDefinition, type TwinEvent, twinDefinitionSchema } from './twin.ts';

const pump: TwinDefinition = twinDefinitionSchema.parse({
  twinId: 'pump1',
  name: 'Pump',
  twinType: 'pump',
  valueStream: 'Other',
  parameters: [
    { key: 'flow', name: 'Flow', unit: 'm³/h', limits: { low: 1, high: 9 } },
    { key: 'speed', name: 'Speed', unit: 'rpm', limits: { low: 10, high: 90 } },
  ],
});
const limits = { low: 2, high: 8, deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 1 as const };
const commissioned: TwinEvent = { type: 'TwinCommissioned', data: pump };
const changed: TwinEvent = {
  type: 'LimitsChanged',
  data: { twinId: 'pump1', parameter: 'flow', limits, reason: 'the new impeller', previous: null },
};
const ended: TwinEvent = { type: 'TwinDecommissioned', data: { twinId: 'pump1', reason: 'sold to a museum' } };

const after = (...events: TwinEvent[]) => events.reduce<TwinDefinition | undefined>(definitionAfter, undefined);

describe('the definition of a twin', () => {
  test('is what was commissioned, with the newest limits of each parameter', () => {
    expect(after(commissioned, changed)).toStrictEqual({
      ...pump,
      parameters: [{ ...pump.parameters[0], limits }, pump.parameters[1]],
    });
  });
  test('is unknown before it is commissioned and after it is decommissioned', () => {
    expect(after(changed)).toBeUndefined();
    expect(after(commissioned, ended)).toBeUndefined();
  });
  test('is told by three kinds of events and no other', () => {
    expect([commissioned, changed, ended].every(isTwinEvent)).toBe(true);
    expect(isTwinEvent({ type: 'OrderPlaced' })).toBe(false);
  });
});

test('a parameter cannot be called what every object has already', () => {
  expect(parameterKeySchema.safeParse('pressure').success).toBe(true);
  for (const key of ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__proto__']) {
    expect(parameterKeySchema.safeParse(key).success, key).toBe(false);
  }
});
