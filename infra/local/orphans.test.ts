import { expect, test } from 'vitest';
import { decideLeftover } from './orphans.ts';
import type { RunFile } from './run-file.ts';

const run: RunFile = {
  version: 1,
  starter: { pid: 10, identity: 'boot:1' },
  startedAt: '2026-11-24T20:00:00.000Z',
  isReady: true,
  urls: {},
  children: [
    { name: 'nats', pid: 11, identity: 'boot:2', stopSignal: 'SIGTERM' },
    { name: 'api', pid: 12, identity: 'boot:3', stopSignal: 'SIGTERM' },
  ],
};

/** A machine on which exactly these processes run. */
const machine = (marks: Record<number, string>) => (mark: { pid: number; identity: string }) =>
  marks[mark.pid] === mark.identity;

test('a folder whose starter runs is taken', () => {
  expect(decideLeftover(run, machine({ 10: 'boot:1' }))).toEqual({ status: 'running', starter: run.starter });
});

test('of a starter that is gone, the children that still run are orphans', () => {
  const leftover = decideLeftover(run, machine({ 12: 'boot:3' }));
  expect(leftover).toEqual({ status: 'abandoned', orphans: [run.children[1]] });
});

test('a pid that another program has by now is nobody’s orphan, and no starter', () => {
  const leftover = decideLeftover(run, machine({ 10: 'boot:90', 11: 'boot:91', 12: 'other:3' }));
  expect(leftover).toEqual({ status: 'abandoned', orphans: [] });
});
