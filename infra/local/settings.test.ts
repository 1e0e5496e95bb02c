import { expect, test } from 'vitest';
import { readStartSettings } from './settings.ts';

test('without any settings all is local and in .data', () => {
  expect(readStartSettings({}, '/clone')).toEqual({
    dataFolder: '/clone/.data',
    port: 8080,
    mqttPort: 1883,
    natsUrl: null,
    mongodbUri: null,
    mqttUrl: null,
    speed: 1,
    demoPassword: null,
    logLevel: 'info',
  });
});

test('a NATS server of one’s own needs to be told where its devices connect', () => {
  expect(() => readStartSettings({ NATS_URL: 'nats://10.0.0.1:4222' }, '/clone')).toThrow('so MQTT_URL must say');
  const own = readStartSettings({ NATS_URL: 'nats://10.0.0.1:4222', MQTT_URL: 'mqtt://10.0.0.1:1883' }, '/clone');
  expect(own.natsUrl).toBe('nats://10.0.0.1:4222');
});

test.each([
  [{ MONGODB_URI: '127.0.0.1:27017' }, 'MONGODB_URI must look like mongodb://host:27017/stratum.'],
  [{ SPEED: 'fast' }, 'SPEED must be a number above 0 and at most 3600, not "fast".'],
  [{ SPEED: '0' }, 'SPEED must be a number above 0 and at most 3600, not "0".'],
  [{ PORT: '9000', MQTT_PORT: '9000' }, 'PORT and MQTT_PORT are both 9000: choose two different ports.'],
])('%o is refused by name', (environment, message) => {
  expect(() => readStartSettings(environment, '/clone')).toThrow(message);
});
