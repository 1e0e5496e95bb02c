import { expect, test } from 'vitest';
import { parsePort } from './ports.ts';

test('a port is read from the environment, with a default', () => {
  expect(parsePort(undefined, 'PORT', 8080)).toBe(8080);
  expect(parsePort('', 'PORT', 8080)).toBe(8080);
  expect(parsePort('0', 'PORT', 8080)).toBe(0);
  expect(parsePort('9000', 'PORT', 8080)).toBe(9000);
});

test.each(['80a', '-1', '65536', '8080.5', ' '])('"%s" is no port', (text) => {
  expect(() => parsePort(text, 'PORT', 8080)).toThrow(`PORT must be a port number (0 to 65535), not "${text}".`);
});
