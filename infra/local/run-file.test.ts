import { expect, test } from 'vitest';
import { parseRunFile, type RunFile } from './run-file.ts';

const run: RunFile = {
  version: 1,
  starter: { pid: 10, identity: 'boot:1' },
  startedAt: '2026-11-24T20:00:00.000Z',
  isReady: false,
  urls: { nats: 'nats://127.0.0.1:4222' },
  children: [{ name: 'nats', pid: 11, identity: 'boot:2', stopSignal: 'SIGTERM' }],
};

test('what was written is read', () => {
  expect(parseRunFile(JSON.stringify(run))).toEqual(run);
});

test('half a file, another version and another thing are no run file', () => {
  expect(parseRunFile(JSON.stringify(run).slice(0, 40))).toBeNull();
  expect(parseRunFile(JSON.stringify({ ...run, version: 2 }))).toBeNull();
  expect(parseRunFile('[]')).toBeNull();
});

test('a pid that kill would take for a group of processes is refused', () => {
  expect(parseRunFile(JSON.stringify({ ...run, starter: { pid: -1, identity: 'x' } }))).toBeNull();
});
