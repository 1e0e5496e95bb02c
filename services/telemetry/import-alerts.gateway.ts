import { setTimeout as wait } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readPage } from '@stratum/infra/event-store/read.ts';
import { askHealth } from '@stratum/infra/health.ts';
import { noteAlert, type Tally, type TwinAlerts } from './import-report.ts';

/** What the worker calls the part that judges readings. */
const JUDGE = 'worker/alert';
/** As long as it gets on it is waited for; standing still, for this long; not there at all, for that. */
const STANDSTILL_MS_MAX = 10_000;
const ABSENCE_MS_MAX = 3_000;
const ASK_EVERY_MS = 200;
const ANSWER_MS_MAX = 2_000;
const PAGE_SIZE = 1_000;

/** Waits until TELEMETRY has been judged up to a sequence; false if nobody judges it, or no longer gets on. */
export async function judgedUpTo(nc: NatsConnection, sequence: number, signal: AbortSignal): Promise<boolean> {
  let best = -1;
  let movedAt = performance.now();
  while (!signal.aborted) {
    const { position = -1 } = (await askHealth(nc, 'worker', ANSWER_MS_MAX))[JUDGE] ?? {};
    if (position >= sequence) return true;
    if (position > best) movedAt = performance.now();
    best = Math.max(best, position);
    if (performance.now() - movedAt > (best < 0 ? ABSENCE_MS_MAX : STANDSTILL_MS_MAX)) return false;
    await wait(ASK_EVERY_MS);
  }
  return false;
}

/** All alerts that were ever raised on the twins of a recording. @throws Unavailable, ServerRefused */
export async function alertsOf(nc: NatsConnection, twins: Tally['twins']): Promise<Map<string, TwinAlerts>> {
  const alerts = new Map<string, TwinAlerts>();
  for (let from = 1; ; ) {
    const page = await readPage(publisherOf(nc), 'PLANT', { from, subject: 'plant.*.alert.*', limit: PAGE_SIZE });
    const last = page.at(-1);
    if (last === undefined) return alerts;
    from = last.sequence + 1;
    for (const message of page) {
      // An alert's id begins with its twin's, which has no `_`, so most need not be decoded.
      const [twinId = ''] = (message.subject.split('.')[3] ?? '').split('_', 1);
      const event = twins.has(twinId) ? decodePlantEvent(message) : undefined;
      if (event !== undefined) noteAlert(alerts, twins, event as PlantEvent);
    }
  }
}
