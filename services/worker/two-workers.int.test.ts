import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NatsConnection } from '@nats-io/nats-core';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { askHealth, type PartHealth, type PartsHealth } from '@stratum/infra/health.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

const script = fileURLToPath(new URL('./main.ts', import.meta.url));
/** Programs start together on a busy machine. */
const START_MS_MAX = 40_000;
const TAKEOVER_MS_MAX = 8_000;
const readyLine = z.object({ ready: z.literal(true), id: z.string() });

type Worker = { id: string; child: ChildProcess };

let nats: TestNats;
let nc: NatsConnection;
const children: ChildProcess[] = [];

beforeAll(async () => {
  nats = await startNats({ mqtt: true });
  nc = await connectNats(nats.url, { name: 'test' });
});
afterAll(async () => {
  for (const child of children) await end(child, 'SIGKILL');
  await nc?.close();
  await nats?.[Symbol.asyncDispose]();
});

async function startWorker(): Promise<Worker> {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, NATS_URL: nats.url, MQTT_URL: nats.mqttUrl, LOG_LEVEL: 'warn' };
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const ready = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{"ready"')) ready.resolve(readyLine.parse(JSON.parse(line)).id);
  });
  const late = setTimeout(() => ready.reject(new Error('the worker is not ready')), START_MS_MAX);
  const id = await ready.promise.finally(() => clearTimeout(late));
  return { id, child };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

const health = () => askHealth(nc, 'worker', 2_000);
const leaderOf = ({ detail = '' }: PartHealth) => /led by (worker-\w+)/.exec(detail)?.[1] ?? 'nobody';

/** Waits until every part is well, and each of these workers leads its share. */
async function untilLedBy(...ids: string[]): Promise<PartsHealth> {
  let parts: PartsHealth = {};
  const isShared = async () => {
    parts = await health();
    const leaders = Object.values(parts).map(leaderOf);
    const share = Math.floor(leaders.length / ids.length);
    const hasShare = (id: string) => leaders.filter((leader) => leader === id).length >= share;
    return Object.values(parts).every(({ status }) => status === 'ok') && ids.every(hasShare);
  };
  const what = `the parts to be led by ${ids.join(' and ')}`;
  await waitFor(isShared, { what, msMax: START_MS_MAX }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(parts)}`);
  });
  return parts;
}

/** Sends a reading as a device does, and waits until it is in the log; answers how long that took. */
async function msUntilTaken(torque: number): Promise<number> {
  const sentAt = performance.now();
  nc.publish('twins.drillrig1.telemetry', JSON.stringify({ values: { torque } }));
  const count = async () => (await readSubject(publisherOf(nc), 'TELEMETRY', 'telemetry.main.drillrig1', 0)).length;
  const before = await count();
  await waitFor(async () => (await count()) > before, { what: 'the reading to be taken', msMax: START_MS_MAX });
  return performance.now() - sentAt;
}

test('two workers share the parts; what one led goes on soon after its kill, and sooner when it ends in order', async () => {
  const [one, two] = await Promise.all([startWorker(), startWorker()]);
  const parts = await untilLedBy(one.id, two.id);
  for (const [name, { detail }] of Object.entries(parts)) expect(detail, name).toContain('1 in reserve');
  await msUntilTaken(100);

  // Whoever takes readings is killed.
  const taker = parts['worker/telemetry'];
  const [killed, other] = taker !== undefined && leaderOf(taker) === one.id ? [one, two] : [two, one];
  await end(killed.child, 'SIGKILL');
  const takenMs = await msUntilTaken(101);
  // Three seconds for the lease to end, and what a busy machine takes to begin; `leadership.int.test.ts` is strict.
  expect(takenMs).toBeLessThan(TAKEOVER_MS_MAX);
  await untilLedBy(other.id);

  const third = await startWorker();
  await untilLedBy(other.id, third.id);
  await end(other.child, 'SIGTERM');
  expect(await msUntilTaken(102)).toBeLessThan(TAKEOVER_MS_MAX);
  await untilLedBy(third.id);

  await end(third.child, 'SIGTERM');
  expect(third.child.exitCode).toBe(0);
  expect(await health()).toEqual({ worker: { status: 'failed', detail: 'gives no answer' } });
}, 180_000);
