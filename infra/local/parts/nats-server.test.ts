import { expect, test } from 'vitest';
import { isRecentVersion } from './nats-server.ts';

test.each([
  ['nats-server: v2.14.0', true],
  ['nats-server: v2.15.1', true],
  ['nats-server: v3.0.0', true],
  ['nats-server: v2.13.9', false],
  ['nats-server: v1.20.0', false],
  ['command not found', false],
])('%s is recent enough: %s', (output, isRecent) => {
  expect(isRecentVersion(output)).toBe(isRecent);
});
