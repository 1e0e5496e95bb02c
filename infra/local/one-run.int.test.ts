import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../testing/waitFor.ts';
import { isRunning } from './process-identity.ts';
import { type RunFile, readRunFile } from './run-file.ts';
import { runFileIn } from './settings.ts';

const STOP_MS_MAX = 10_000;
const fixture = join(import.meta.dirname, 'one-run.fixture.ts');
let folder = '';
let starters: { process: ChildProcess; output: () => string }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stratum-one-run-'));
  starters = [];
});

afterEach(async () => {
  for (const starter of starters) await stop(starter.process, 'SIGTERM');
  await rm(folder, { recursive: true, force: true });
});

test('SIGTERM stops every child within ten seconds, also one that refuses, and forgets the run', async () => {
  const { starter, run } = await startUp();
  const began = performance.now();
  await stop(starter.process, 'SIGTERM');
  expect(performance.now() - began).toBeLessThan(STOP_MS_MAX);
  expect(starter.output()).toContain('down');
  expect(run.children.filter(isRunning)).toEqual([]);
  expect(readRunFile(runFileIn(folder))).toBeNull();
});

test('a second starter in the same folder refuses and leaves the first alone', async () => {
  const { run } = await startUp();
  const second = launch();
  await once(second.process, 'exit');
  expect(second.process.exitCode).not.toBe(0);
  expect(second.output()).toContain('already runs from this folder');
  expect(run.children.every(isRunning)).toBe(true);
});

test('after kill -9 of the starter the next start ends its orphans and nobody else', async () => {
  const { starter, run } = await startUp();
  const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  try {
    await stop(starter.process, 'SIGKILL');
    expect(run.children.every(isRunning)).toBe(true);
    const { starter: next, run: nextRun } = await startUp();
    expect(next.output()).toContain('ended what it left running: ');
    expect(run.children.filter(isRunning)).toEqual([]);
    expect(nextRun.children.every(isRunning)).toBe(true);
    expect(bystander.exitCode).toBeNull();
  } finally {
    bystander.kill('SIGKILL');
  }
});

test('a child that is killed is started again and recorded under its new pid', async () => {
  const { starter, run } = await startUp();
  const before = run.children.find((child) => child.name === 'polite');
  process.kill(before?.pid ?? 0, 'SIGKILL');
  await waitFor(() => starter.output().includes('polite is back'), { what: 'the child to be back' });
  const after = readRunFile(runFileIn(folder))?.children.find((child) => child.name === 'polite');
  expect(starter.output()).toContain('polite ended (SIGKILL); starting it again in 0.3 s');
  expect(after?.pid).not.toBe(before?.pid);
});

async function startUp(): Promise<{ starter: ReturnType<typeof launch>; run: RunFile }> {
  const starter = launch();
  await waitFor(() => starter.output().includes('up\n'), { what: 'the starter to be up' });
  const run = readRunFile(runFileIn(folder));
  if (run === null) throw new Error('a starter that is up has a run file');
  expect(run.isReady).toBe(true);
  // It will hold the database's password.
  expect(statSync(runFileIn(folder)).mode & 0o777).toBe(0o600);
  expect(run.children.map((child) => child.name).sort()).toEqual(['polite', 'stubborn']);
  return { starter, run };
}

function launch(): { process: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [fixture, folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  const starter = { process: child, output: () => text };
  starters.push(starter);
  return starter;
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill(signal);
  await closed;
}
