import { expect, test } from 'vitest';
import { deviceSources, isShadow } from './inbox.ts';

test.each([
  ['not by MQTT', {}, false],
  ['QoS 0, which nobody acknowledged', { 'Nmqtt-Pub': '0' }, false],
  ['QoS 1, as it came', { 'Nmqtt-Pub': '1' }, true],
  ['QoS 2, as it came', { 'Nmqtt-Pub': '2f' }, true],
  ['the copy of QoS 1', { 'Nmqtt-Pub': '1', 'Nats-Stream-Source': '$MQTT_msgs 7 …' }, false],
  ['the copy of QoS 2', { 'Nmqtt-Pub': '2', 'Nats-Stream-Source': '$MQTT_msgs 8 …' }, false],
])('a message that is %s is a shadow: %s', (_what, headers, expected) => {
  expect(isShadow({ subject: 'twins.any.telemetry', headers: new Map(Object.entries(headers)) })).toBe(expected);
});

test('the copy of an instruction to a shopfloor is passed over', () => {
  const headers = new Map([['Nats-Stream-Source', '$MQTT_msgs 9 …']]);
  expect(isShadow({ subject: '$MQTT.msgs.shopfloor.any.instructions', headers })).toBe(true);
});

test('copies come under the subjects of the devices', () => {
  expect(deviceSources()[0]?.subject_transforms?.[0]).toEqual({
    src: '$MQTT.msgs.twins.*.telemetry',
    dest: 'twins.{{wildcard(1)}}.telemetry',
  });
});
