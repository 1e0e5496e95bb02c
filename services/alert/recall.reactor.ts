import type { NatsConnection } from '@nats-io/nats-core';
import type { ReadingRecorded } from '@stratum/contracts/recorded.ts';
import { telemetrySubject } from '@stratum/contracts/subjects.ts';
import { decodeReading } from '@stratum/infra/event-store/codec.ts';
import { patiently } from '@stratum/infra/event-store/connection-status.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readPage } from '@stratum/infra/event-store/read.ts';
import type { Standing, Watch } from './watch.ts';

const PAGE_SIZE = 1_000;
/** So many readings before the checkpoint tell which of those behind it are late. */
const PRIMED_MAX = 10_000;
/** So many readings of a twin are looked through for the worst value of an alert that stood before a restart. */
const PEAK_READINGS_MAX = 100_000;
/** Twins whose readings are looked through at once. */
const TWINS_AT_ONCE = 16;

/** What a watch finds again in TELEMETRY after a restart. */
export type Recall = {
  /**
   * Restores, for those of these twins that had standing alerts at the start, their worst values and what comes late. Must be
   * waited for before a reading of theirs is judged; each twin is looked up once, and nobody waits for another's.
   */
  of(twinIds: readonly string[]): Promise<void>;
};

type RecallDeps = { nc: NatsConnection; signal: AbortSignal };

/**
 * Begins a recall as of a checkpoint, of a watch that knows how alerts stand; resolves when the times of the last 10,000
 * readings are known. Waits for as long as NATS is away.
 * @throws Error when the signal comes first
 */
export async function recallBefore(watch: Watch, reached: number, deps: RecallDeps): Promise<Recall> {
  const from = Math.max(1, reached - PRIMED_MAX);
  await readings(deps, 'telemetry.>', from, reached, PRIMED_MAX, (reading) => watch.prime(reading));
  const waiting = Map.groupBy(watch.standing(), ({ twinId }) => twinId);
  return {
    of: async (twinIds) => {
      if (waiting.size === 0) return;
      const due = new Set(twinIds.filter((twinId) => waiting.has(twinId))).values();
      const some = async () => {
        for (const twinId of due) {
          await recallTwin(watch, waiting.get(twinId) ?? [], reached, deps);
          waiting.delete(twinId);
        }
      };
      await Promise.all(Array.from({ length: TWINS_AT_ONCE }, some));
    },
  };
}

/** One pass over a twin's readings since its first standing alert was raised, for all of them. */
async function recallTwin(watch: Watch, alerts: readonly Standing[], reached: number, deps: RecallDeps): Promise<void> {
  const [first] = alerts;
  if (first === undefined) return;
  const subject = telemetrySubject(first.aggregate.site, first.twinId);
  const from = Math.min(...alerts.map(({ since }) => since));
  await readings(deps, subject, from, reached, PEAK_READINGS_MAX, (reading) => {
    for (const standing of alerts) {
      const value = reading.data.values[standing.parameter];
      if (value !== undefined && reading.recorded.sequence >= standing.since) watch.restorePeak(standing, value);
    }
    watch.prime(reading);
  });
}

/** Reads TELEMETRY from a sequence up to another, at most `countMax` readings. */
async function readings(
  { nc, signal }: RecallDeps,
  subject: string,
  from: number,
  upTo: number,
  countMax: number,
  onReading: (reading: ReadingRecorded) => void,
): Promise<void> {
  for (let next = from, count = 0; next <= upTo && count < countMax; ) {
    const request = { from: next, subject, limit: PAGE_SIZE };
    const page = await patiently(nc, signal, () => readPage(publisherOf(nc), 'TELEMETRY', request));
    if (page === undefined) throw new Error('the alert reactor ended before it knew what was before');
    for (const message of page) if (message.sequence <= upTo) onReading(decodeReading(message));
    const last = page.at(-1);
    if (last === undefined) return;
    next = last.sequence + 1;
    count += page.length;
  }
}
