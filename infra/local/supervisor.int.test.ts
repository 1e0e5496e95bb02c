import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../testing/waitFor.ts';
import { supervise } from './supervisor.ts';

/** Ready at its first start and from its third on; at its second it hangs before it is. */
const program = `
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const starts = (existsSync('starts') ? Number(readFileSync('starts', 'utf8')) : 0) + 1;
writeFileSync('starts', String(starts));
if (starts !== 2) console.log('{"ready":true}');
setInterval(() => undefined, 1000);
`;
const PATIENT = { msMax: 30_000 };

test('a child that hangs when it is started again is ended and started once more', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-supervisor-'));
  const sentences: string[] = [];
  const supervisor = supervise({ logFolder: folder, onEvent: (sentence) => sentences.push(sentence) });
  onTestFinished(async () => {
    await supervisor.stop();
    await rm(folder, { recursive: true, force: true });
  });
  await supervisor.start({
    name: 'sleeper',
    command: process.execPath,
    args: ['-e', program],
    environment: {},
    folder,
    ready: /"ready":\s*true/,
    readyMsMax: 3_000,
    stopSignal: 'SIGTERM',
    stopMsMax: 1_000,
    tier: 0,
  });
  const [first] = supervisor.running();
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await waitFor(() => sentences.includes('sleeper is back'), { what: 'the child to be back', ...PATIENT });
  expect(sentences).toContain('sleeper was not ready after 3.0 s and is stopped');
  expect(supervisor.running()).toHaveLength(1);
});

test('a child whose log is deleted runs on, and that it cannot be looked at is said once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-supervisor-'));
  const sentences: string[] = [];
  const supervisor = supervise({ logFolder: folder, onEvent: (sentence) => sentences.push(sentence) });
  onTestFinished(async () => {
    await supervisor.stop();
    await rm(folder, { recursive: true, force: true });
  });
  let looks = 0;
  await supervisor.start({
    name: 'talker',
    command: process.execPath,
    args: ['-e', 'console.log("ready"); setInterval(() => undefined, 1000)'],
    environment: {},
    folder,
    ready: /ready/,
    readyMsMax: 10_000,
    needsRestart: async (output) => {
      looks += 1;
      // As when the disk cannot be asked for its room.
      if (output !== '') throw new Error('no such folder');
      return false;
    },
    stopSignal: 'SIGTERM',
    stopMsMax: 1_000,
    tier: 0,
  });
  const [first] = supervisor.running();
  await waitFor(() => looks >= 2, { what: 'it to be looked at twice', ...PATIENT });
  await rm(join(folder, 'talker.log'));
  await waitFor(() => sentences.length === 2, { what: 'the lost log to be told', ...PATIENT });
  expect(sentences[0]).toContain('no such folder');
  expect(sentences[1]).toContain('talker.log');
  expect(supervisor.running()).toEqual([first]);
});
