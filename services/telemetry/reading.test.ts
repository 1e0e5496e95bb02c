import { readingV1 } from '@stratum/contracts/telemetry/telemetry.ts';
import { twinDefinitionSchema } from '@stratum/contracts/twin/twin.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AHEAD_SECONDS_MAX,
  identityOf,
  judge,
  outsideOf,
  parseDeviceMessage,
  READING_BYTES_MAX,
  sentenceOf,
} from './reading.ts';

const takenAtMs = Date.parse('2026-11-24T20:00:00Z');
const rig = twinDefinitionSchema.parse({
  twinId: 'drillrig1',
  name: 'Drill Rig',
  twinType: 'drill-rig',
  valueStream: 'Upstream',
  parameters: [
    { key: 'torque', name: 'Torque', unit: 'Nm', limits: { low: 50, high: 150 } },
    { key: 'pressure', name: 'Pressure', unit: 'bar', limits: { low: 10, high: 60 } },
  ],
});
const message = (text: string) => parseDeviceMessage(new TextEncoder().encode(text));

describe('a device message', () => {
  test('names its values and when they were observed', () => {
    const reading = { observedAt: '2026-11-24T19:59:58Z', values: { torque: 88.2 } };
    expect(message(JSON.stringify(reading))).toEqual({ kind: 'claimed', reading });
  });
  test('in another zone than UTC is told what an instant looks like', () => {
    const refused = message('{"observedAt":"2026-11-24T21:00:00+01:00","values":{"torque":1}}');
    if (refused.kind !== 'refused') throw new Error('it was taken');
    expect(sentenceOf(refused)).toBe('observedAt is wrong: must be a UTC instant such as 2026-11-24T20:15:00Z');
  });
  test('may leave out when, or be a flat object of numbers', () => {
    const claimed = { kind: 'claimed', reading: { values: { torque: 88.2 } } };
    expect(message('{"values":{"torque":88.2}}')).toEqual(claimed);
    expect(message('{"torque":88.2}')).toEqual(claimed);
    expect(message('{"values":88.2}')).toEqual({ kind: 'claimed', reading: { values: { values: 88.2 } } });
  });
  test.each([
    ['hello', 'NotJson', ''],
    ['', 'NotJson', ''],
    ['[1,2]', 'BadShape', ''],
    ['null', 'BadShape', ''],
    ['{}', 'BadShape', ''],
    ['{"torque":"88"}', 'BadShape', 'torque'],
    ['{"torque":1e999}', 'BadShape', 'torque'],
    ['{"values":{"torque":null}}', 'BadShape', 'values.torque'],
    ['{"values":{}}', 'BadShape', 'values'],
    ['{"values":{"a b":1}}', 'BadShape', 'values.a b'],
    ['{"observedAt":"yesterday","values":{"torque":1}}', 'BadShape', 'observedAt'],
    ['{"observedAt":"2026-11-24T20:00:00Z","torque":1}', 'BadShape', 'values'],
  ])('%s is refused as %s', (text, reason, field) => {
    expect(message(text)).toMatchObject({ kind: 'refused', reason, field });
  });
  test('that is too large is not looked at', () => {
    expect(parseDeviceMessage(new Uint8Array(READING_BYTES_MAX + 1))).toMatchObject({ reason: 'TooLarge' });
  });
  test('of malformed UTF-8 is refused', () => {
    expect(parseDeviceMessage(Uint8Array.of(0x22, 0xff, 0x22))).toMatchObject({ reason: 'NotJson' });
  });
  test('of any bytes at all is claimed or refused, never thrown over', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['claimed', 'refused']).toContain(parseDeviceMessage(bytes).kind);
      }),
    );
    fc.assert(fc.property(fc.json(), (text) => ['claimed', 'refused'].includes(message(text).kind)));
  });
});

describe('a claim', () => {
  test('without a time was observed when the broker took it', () => {
    expect(judge(rig, { values: { torque: 88 } }, takenAtMs)).toEqual({
      kind: 'accepted',
      reading: { observedAt: '2026-11-24T20:00:00.000Z', values: { torque: 88 }, outside: {} },
    });
  });
  test('says what of it is outside the limits; a value on a limit is not', () => {
    expect(outsideOf(rig, { torque: 150.01, pressure: 9.99 })).toEqual({ torque: 'high', pressure: 'low' });
    expect(outsideOf(rig, { torque: 150, pressure: 10 })).toEqual({});
  });
  test('with a parameter the twin does not have is refused by name', () => {
    expect(judge(rig, { values: { torque: 88, sales: 1 } }, takenAtMs)).toMatchObject({
      reason: 'UnknownParameter',
      field: 'values.sales',
      wrong: 'is not a parameter of drillrig1',
    });
  });
  test('may be a little ahead of the broker, not far', () => {
    const ahead = (seconds: number) => new Date(takenAtMs + seconds * 1000).toISOString();
    const claim = (observedAt: string) => judge(rig, { observedAt, values: { torque: 88 } }, takenAtMs);
    expect(claim(ahead(AHEAD_SECONDS_MAX)).kind).toBe('accepted');
    expect(claim(ahead(AHEAD_SECONDS_MAX + 1))).toMatchObject({ reason: 'ObservedInFuture', field: 'observedAt' });
  });
  test('once accepted is what the contract says, and judging it again ends the same way', () => {
    const values = fc.record(
      { torque: fc.double({ noNaN: true, noDefaultInfinity: true }), pressure: fc.integer() },
      { requiredKeys: ['torque'] },
    );
    const instant = fc.date({ min: new Date(0), max: new Date(takenAtMs), noInvalidDate: true });
    fc.assert(
      fc.property(values, instant, (observed, at) => {
        const judged = judge(rig, { observedAt: at.toISOString(), values: observed }, takenAtMs);
        if (judged.kind === 'refused') throw new Error(sentenceOf(judged));
        expect(readingV1.parse(judged.reading)).toEqual(judged.reading);
        expect(judge(rig, judged.reading, takenAtMs + 86_400_000)).toEqual(judged);
      }),
    );
  });
});

test('two readings are the same one if twin, instant and values are, in whatever order the values come', () => {
  const observedAt = '2026-11-24T20:00:00.000Z';
  const one = identityOf('drillrig1', { observedAt, values: { torque: 1, pressure: 2 } });
  expect(identityOf('drillrig1', { observedAt, values: { pressure: 2, torque: 1 } })).toBe(one);
  expect(identityOf('drillrig2', { observedAt, values: { torque: 1, pressure: 2 } })).not.toBe(one);
  expect(identityOf('drillrig1', { observedAt, values: { torque: 1, pressure: 3 } })).not.toBe(one);
});
