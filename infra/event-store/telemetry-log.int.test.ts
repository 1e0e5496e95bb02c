import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Reading } from '@stratum/contracts/telemetry/telemetry.ts';
import { describe, expect, it } from 'vitest';
import { NotInContract } from './errors.ts';
import { plantServer } from './plant-server.fixture.ts';
import { decodeEvent, readStream } from './reader.ts';
import { ensureStreams } from './streams.ts';
import { openTelemetryLog } from './telemetry-log.ts';

function reading(torque: number): Reading {
  return { observedAt: '2026-01-01T00:00:00Z', values: { torque }, outside: {} };
}

/** The torques of a twin in the order they were recorded. */
async function torquesOf(nc: NatsConnection, twinId: string): Promise<number[]> {
  const manager = await jetstreamManager(nc);
  const { state } = await manager.streams.info('TELEMETRY');
  const torques: number[] = [];
  const abort = new AbortController();
  if (state.last_seq === 0) return torques;
  await readStream(nc, {
    stream: 'TELEMETRY',
    from: 1,
    signal: abort.signal,
    onMessage: (message) => {
      const event = decodeEvent(message);
      if (event?.type === 'ReadingRecorded' && event.envelope.subject === twinId)
        torques.push(event.data.values.torque ?? 0);
      if (message.sequence === state.last_seq) abort.abort();
    },
  });
  return torques;
}

const of = (twinId: string, inbox: number) => ({ site: 'main', twinId, reading: reading(inbox), inbox });

describe('the log of readings', () => {
  it('keeps the order of each twin, many at once', async () => {
    await using plant = await plantServer();
    const log = await openTelemetryLog(plant.nc);
    const twins = ['drillrig1', 'pump1', 'pump2'];
    const inboxes = Array.from({ length: 300 }, (_, n) => n + 1);
    await Promise.all(inboxes.map((inbox) => log.append(of(twins[inbox % 3] ?? '', inbox))));
    for (const [index, twin] of twins.entries()) {
      expect(await torquesOf(plant.nc, twin)).toEqual(inboxes.filter((inbox) => inbox % 3 === index));
    }
  });

  it('records a device message once, whoever repeats it and however late', async () => {
    await using plant = await plantServer();
    const log = await openTelemetryLog(plant.nc);
    const first = await log.append(of('pump1', 4));
    expect(first).toEqual({ position: 'TELEMETRY:1', duplicate: false });
    await log.append(of('pump1', 7));
    const afterRestart = await openTelemetryLog(plant.nc);
    for (const again of [4, 7, 5]) {
      expect(await afterRestart.append(of('pump1', again))).toEqual({ position: 'TELEMETRY:2', duplicate: true });
      expect(await log.append(of('pump1', again))).toMatchObject({ duplicate: true });
    }
    expect(await torquesOf(plant.nc, 'pump1')).toEqual([4, 7]);
  });

  it('lets two workers read the same devices, and every reading is there once', async () => {
    await using plant = await plantServer();
    const workers = [await openTelemetryLog(plant.nc), await openTelemetryLog(plant.nc)];
    const inboxes = Array.from({ length: 200 }, (_, n) => n + 1);
    await Promise.all(workers.flatMap((log) => inboxes.map((inbox) => log.append(of('pump1', inbox)))));
    expect(await torquesOf(plant.nc, 'pump1')).toEqual(inboxes);
  });

  it('carries the watermark past readings that came another way', async () => {
    await using plant = await plantServer();
    const log = await openTelemetryLog(plant.nc);
    await log.append(of('pump1', 9));
    const byHand = { site: 'main', twinId: 'pump1', reading: reading(100), messageId: 'by-hand' };
    expect(await log.append(byHand)).toMatchObject({ duplicate: false });
    const afterRestart = await openTelemetryLog(plant.nc);
    expect(await afterRestart.append(of('pump1', 9))).toMatchObject({ duplicate: true });
    expect(await afterRestart.append(byHand)).toMatchObject({ position: 'TELEMETRY:2', duplicate: true });
    expect(await torquesOf(plant.nc, 'pump1')).toEqual([9, 100]);
  });

  it('records the same observation once when the device sends it twice', async () => {
    await using plant = await plantServer();
    const log = await openTelemetryLog(plant.nc);
    const observation = { ...of('pump1', 1), messageId: 'observation' };
    await log.append(observation);
    await log.append(of('pump1', 2));
    expect(await log.append({ ...observation, inbox: 3 })).toEqual({ position: 'TELEMETRY:1', duplicate: true });
    expect(await log.append(of('pump1', 4))).toMatchObject({ duplicate: false });
    expect(await torquesOf(plant.nc, 'pump1')).toEqual([1, 2, 4]);
  });

  it('does not take the numbers of a new DEVICES stream for those of the old', async () => {
    await using plant = await plantServer();
    const before = await openTelemetryLog(plant.nc);
    await before.append(of('pump1', 50));
    const manager = await jetstreamManager(plant.nc);
    await manager.streams.delete('DEVICES');
    await ensureStreams(plant.nc);
    const after = await openTelemetryLog(plant.nc);
    expect(await after.append(of('pump1', 1))).toMatchObject({ duplicate: false });
    expect(await after.append(of('pump1', 1))).toMatchObject({ duplicate: true });
  });

  it('loses nothing and doubles nothing when the server is killed', async () => {
    await using plant = await plantServer();
    const log = await openTelemetryLog(plant.nc);
    const twins = Array.from({ length: 16 }, (_, n) => `twin-${n}`);
    let isOver = false;
    const recorded = new Map<string, number>();
    const writing = twins.map(async (twin) => {
      for (let inbox = 1; !isOver; inbox++) {
        await log.append(of(twin, inbox));
        recorded.set(twin, inbox);
      }
    });
    const total = () => [...recorded.values()].reduce((sum, count) => sum + count, 0);
    await expect.poll(total).toBeGreaterThan(500);
    await plant.server.kill();
    await plant.server.restart();
    const restarted = total();
    await expect.poll(total, { timeout: 10_000 }).toBeGreaterThan(restarted + 500);
    isOver = true;
    await Promise.all(writing);
    for (const twin of twins.slice(0, 4)) {
      expect(await torquesOf(plant.nc, twin)).toEqual(Array.from({ length: recorded.get(twin) ?? 0 }, (_, n) => n + 1));
    }
  });

  it('refuses what is no reading, and names that are no token', async () => {
    await using plant = await plantServer();
    const log = await openTelemetryLog(plant.nc);
    const nothing = { ...of('pump1', 1), reading: { ...reading(1), observedAt: 'yesterday' } };
    await expect(log.append(nothing)).rejects.toThrow(NotInContract);
    await expect(log.append(of('pump.1', 1))).rejects.toThrow('letters, digits');
  });
});
