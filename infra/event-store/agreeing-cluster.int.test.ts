import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { putCheckpoint, readCheckpoint } from './checkpoint.ts';
import { Undecided } from './errors.ts';
import { deciderOf, plantCluster } from './plant-server.fixture.ts';
import { header, publisherOf } from './publisher.ts';
import { readSubject } from './read.ts';
import { lastSequence } from './reader.ts';
import { countRefusals, type Refusal, refuse } from './refused.ts';
import { bucket } from './streams.ts';
import { openTelemetryLog } from './telemetry-log.ts';

let plant: Awaited<ReturnType<typeof plantCluster>>;

beforeAll(async () => {
  vi.stubEnv('STREAM_REPLICAS', '3');
  plant = await plantCluster();
  await bucket(plant.nc, 'checkpoints');
}, 90_000);

afterAll(async () => {
  await plant?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
});

/** The subjects of what is written, from now on, to those that match. */
function writtenTo(nc: NatsConnection, subjects: string): string[] {
  const written: string[] = [];
  nc.subscribe(subjects, { callback: (_error, { subject }) => void written.push(subject) });
  return written;
}

/** One more first write to a subject. */
async function write(nc: NatsConnection, subject = '', messageId = 'another'): Promise<void> {
  const headers = header('Nats-Expected-Last-Subject-Sequence', '0') + header('Nats-Msg-Id', messageId);
  await publisherOf(nc).publish(subject, Buffer.from('{}'), headers);
}

// Because its answer was lost or a rival makes it too, a write comes again while the servers have not agreed on it yet.
describe('while three servers are still agreeing', () => {
  it('a refusal that comes again is kept once', async () => {
    await using decider = await deciderOf(plant, 'REFUSED');
    const { nc } = decider;
    const refusal = (sequence: number): Refusal => {
      const body = Buffer.from('{');
      return { source: `DEVICES:${sequence}`, subject: 'twins.x.telemetry', reason: 'NotJson', detail: 'no', body };
    };
    // The place of DEVICES is asked for once per connection.
    await refuse(nc, refusal(1));
    const written = writtenTo(nc, 'refused.>');
    await decider.haltOthers();
    const refusing = Promise.all([refuse(nc, refusal(2)), refuse(nc, refusal(2))]);
    refusing.catch(() => undefined);
    await expect.poll(() => written.length).toBeGreaterThanOrEqual(2);
    await expect(write(nc, written[0])).rejects.toThrow(Undecided);
    decider.letOthersGoOn();
    await refusing;
    expect((await countRefusals(nc)).NotJson).toBe(2);
  });

  it('a reading that comes again is recorded once', async () => {
    await using decider = await deciderOf(plant, 'TELEMETRY');
    const { nc } = decider;
    const logs = [await openTelemetryLog(nc), await openTelemetryLog(nc)];
    const reading = { observedAt: '2026-01-01T00:00:00.000Z', values: { torque: 1 }, outside: {} };
    const one = { site: 'main', twinId: 'pump1', reading, messageId: 'one', inbox: 1 };
    const written = writtenTo(nc, 'telemetry.>');
    await decider.haltOthers();
    const appending = Promise.all(logs.map((log) => log.append(one)));
    appending.catch(() => undefined);
    await expect.poll(() => written.length).toBeGreaterThanOrEqual(2);
    await expect(write(nc, written[0], 'one')).rejects.toThrow(Undecided);
    await expect(write(nc, written[0])).rejects.toThrow(Undecided);
    decider.letOthersGoOn();
    const outcomes = await appending;
    expect(outcomes.map(({ duplicate }) => duplicate).toSorted()).toEqual([false, true]);
    expect(new Set(outcomes.map(({ position }) => position))).toEqual(new Set(['TELEMETRY:1']));
    expect(await readSubject(publisherOf(nc), 'TELEMETRY', 'telemetry.main.pump1', 0)).toHaveLength(1);
  });

  it('a checkpoint is stored behind the one before', async () => {
    await using decider = await deciderOf(plant, 'KV_checkpoints');
    const { nc } = decider;
    const { created } = await lastSequence(nc, 'PLANT');
    const checkpoints = await bucket(nc, 'checkpoints');
    const written = writtenTo(nc, '$KV.checkpoints.*');
    await decider.haltOthers();
    const storing = Promise.all([1, 2].map((sequence) => putCheckpoint(checkpoints, 'counter', { sequence, created })));
    storing.catch(() => undefined);
    await expect.poll(() => written.length).toBeGreaterThanOrEqual(2);
    await expect(write(nc, written[0])).rejects.toThrow(Undecided);
    decider.letOthersGoOn();
    await storing;
    expect((await readCheckpoint(nc, 'counter'))?.sequence).toBe(2);
  });
});
