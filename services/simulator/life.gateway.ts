import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { plantSubject, SITE_DEFAULT, telemetrySubject } from '@stratum/contracts/subjects.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readLast } from '@stratum/infra/event-store/read.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import type { Logger } from '@stratum/infra/log.ts';
import { backfill } from './backfill.gateway.ts';
import type { Devices } from './devices.gateway.ts';
import type { Kept } from './keep.gateway.ts';
import { BACKFILL_TICKS, instantOf, type Life, lifeAfter } from './life.ts';
import { type Observed, observe, plantTwins, TICK_SECONDS } from './plant.ts';
import type { TruthFile } from './truth.gateway.ts';
import { relabel } from './truth.ts';

const LOOK_EVERY_MS = 250;
/** Told once in a while what is waited for. */
const TELL_EVERY_LOOKS = 40;

type Beginning = {
  nc: NatsConnection;
  kept: Kept<Life>;
  truth: TruthFile;
  seed: number;
  signal: AbortSignal;
  logger: Logger;
};

/**
 * Begins the life of the plant's devices or takes it up again; at a first start it back-fills the day before. Resolves,
 * with the life as it then is, when the rest is to be lived by the clock.
 */
export async function beginLife({ nc, kept, truth, seed, signal, logger }: Beginning): Promise<Life> {
  await twinsAreCommissioned(nc, signal, logger);
  const { created: inbox } = await lastSequence(nc, 'DEVICES');
  const remembered = await kept.read();
  const hasReadings = await anyReading(nc);
  const plantId = crypto.randomUUID().slice(0, 8);
  let life = lifeAfter({ remembered, seed, plantId, inbox, hasReadings, nowMs: Date.now() });
  if (life !== remembered) {
    await truth.clear();
    await kept.write(life);
  }
  if (life.nextTick >= BACKFILL_TICKS) return life;
  const startedMs = performance.now();
  await backfill(nc, life, BACKFILL_TICKS, async (observed, nextTick) => {
    for (const one of observed) life = await label(life, one, instantOf(life, one.tick), truth);
    life = { ...life, nextTick };
    await kept.write(life);
    signal.throwIfAborted();
  });
  const ms = Math.round(performance.now() - startedMs);
  logger.info({ readings: BACKFILL_TICKS * plantTwins.length, ms }, 'the last 24 hours are back-filled');
  return life;
}

type Living = { devices: Devices; kept: Kept<Life>; truth: TruthFile; speed: number; signal: AbortSignal };

/** Lets the devices report by the clock until the signal: one tick every 10 s / speed, each with the present instant. */
export async function live(begun: Life, { devices, kept, truth, speed, signal }: Living): Promise<void> {
  const everyMs = (TICK_SECONDS * 1000) / speed;
  let life = begun;
  for (let dueMs = Date.now(); !signal.aborted; ) {
    const observed = { ...observe(life, life.nextTick), tick: life.nextTick };
    const now = new Date().toISOString();
    devices.publish(observed.readings, now);
    life = { ...(await label(life, observed, now, truth)), nextTick: observed.tick + 1 };
    await kept.write(life);
    // A machine that slept does not catch up: the plant did not live meanwhile.
    dueMs = Math.max(dueMs + everyMs, Date.now());
    await sleep(dueMs - Date.now(), undefined, { signal }).catch(() => undefined);
  }
}

async function label(
  life: Life,
  { faults, tick }: Observed & { tick: number },
  at: string,
  truth: TruthFile,
): Promise<Life> {
  const begins = (fault: { fromTick: number }) => (fault.fromTick < tick ? instantOf(life, fault.fromTick) : at);
  const { standing, told } = relabel(life.standing, faults, at, begins);
  if (told.length === 0) return life;
  await truth.append(told);
  return { ...life, standing };
}

/** Readings of twins that nobody commissioned yet would be refused. */
async function twinsAreCommissioned(nc: NatsConnection, signal: AbortSignal, logger: Logger): Promise<void> {
  for (let look = 1; ; look++) {
    const missing: string[] = [];
    for (const twinId of plantTwins) {
      const subject = plantSubject({ site: SITE_DEFAULT, entity: 'twin', id: twinId });
      const known = await readLast(publisherOf(nc), 'PLANT', subject).catch(() => undefined);
      if (known === undefined) missing.push(twinId);
    }
    if (missing.length === 0) return;
    if (look % TELL_EVERY_LOOKS === 0) logger.warn({ missing }, 'waiting for twins to be commissioned');
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

async function anyReading(nc: NatsConnection): Promise<boolean> {
  for (const twinId of plantTwins) {
    if ((await readLast(publisherOf(nc), 'TELEMETRY', telemetrySubject(SITE_DEFAULT, twinId))) !== undefined)
      return true;
  }
  return false;
}
