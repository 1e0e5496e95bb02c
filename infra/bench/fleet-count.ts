import type { NatsConnection } from '@nats-io/transport-node';
import { lastSequence, type RawMessage, readStream } from '../event-store/reader.ts';
import { quantile } from './measure.ts';
import { secondOf } from './mqtt-load.ts';

/** Delays looked at for the quantiles: every so many readings one. */
const DELAY_EVERY = 10;

/** What of a fleet's readings is in the log. Milliseconds from a reading's publish until it was recorded. */
export type Counted = {
  recorded: number;
  /** Acknowledged and not there. */
  lost: number;
  /** There more than once. */
  doubled: number;
  recordedP50Ms: number;
  recordedP99Ms: number;
  /** How many were recorded up to each of the sequences asked for. */
  recordedUpTo: number[];
};

export type Wanted = {
  /** First sequence of TELEMETRY looked at. */
  from: number;
  site: string;
  twinIds: readonly string[];
  seconds: number;
  /** By `twin index × seconds + second`. */
  acknowledged: Uint8Array;
  /** Ascending sequences. */
  upTo: readonly number[];
};

/** Reads TELEMETRY from a sequence to its end and looks for every acknowledged reading. */
export async function countReadings(nc: NatsConnection, wanted: Wanted): Promise<Counted> {
  const { twinIds, seconds, acknowledged, upTo } = wanted;
  const places = new Map(twinIds.map((twinId, index) => [twinId, index * seconds]));
  const found = new Uint8Array(acknowledged.length);
  const recordedUpTo: number[] = [];
  const delays: number[] = [];
  let recorded = 0;
  let doubled = 0;
  await readToEnd(nc, 'TELEMETRY', wanted.from, ({ subject, sequence, recordedAt, data }) => {
    while ((upTo[recordedUpTo.length] ?? Number.POSITIVE_INFINITY) < sequence) recordedUpTo.push(recorded);
    const [, site, twinId = ''] = subject.split('.');
    const place = places.get(twinId);
    if (site !== wanted.site || place === undefined) return;
    const { observedAt, values } = JSON.parse(Buffer.from(data).toString());
    const reading = place + secondOf(values.value);
    if (found[reading] === 0) recorded += 1;
    else doubled += 1;
    found[reading] = 1;
    if (recorded % DELAY_EVERY === 0) delays.push(Date.parse(recordedAt) - Date.parse(observedAt));
  });
  while (recordedUpTo.length < upTo.length) recordedUpTo.push(recorded);
  const lost = acknowledged.reduce(
    (sum, isAcknowledged, at) => sum + (isAcknowledged === 1 && found[at] === 0 ? 1 : 0),
    0,
  );
  return {
    recorded,
    lost,
    doubled,
    recordedP50Ms: quantile(delays, 0.5),
    recordedP99Ms: quantile(delays, 0.99),
    recordedUpTo,
  };
}

/** From the publish of each reading that crossed until its AlertRaised was in PLANT, ms; and alerts raised twice at an instant. */
export async function countAlerts(
  nc: NatsConnection,
  from: number,
  ofSite: string,
): Promise<{ raisedMs: number[]; doubled: number }> {
  const raisedMs: number[] = [];
  const seen = new Set<string>();
  let doubled = 0;
  await readToEnd(nc, 'PLANT', from, ({ subject, headers, recordedAt, data }) => {
    const [, site, entity, id] = subject.split('.');
    if (site !== ofSite || entity !== 'alert' || headers.get('ce-type') !== 'AlertRaised') return;
    const { raisedAt } = JSON.parse(Buffer.from(data).toString());
    if (seen.has(`${id}@${raisedAt}`)) doubled += 1;
    seen.add(`${id}@${raisedAt}`);
    raisedMs.push(Date.parse(recordedAt) - Date.parse(raisedAt));
  });
  return { raisedMs, doubled };
}

async function readToEnd(
  nc: NatsConnection,
  stream: 'TELEMETRY' | 'PLANT',
  from: number,
  onMessage: (message: RawMessage) => void,
): Promise<void> {
  const { last } = await lastSequence(nc, stream);
  if (last < from) return;
  const ending = new AbortController();
  await readStream(nc, {
    stream,
    from,
    signal: ending.signal,
    onMessage: (message) => {
      if (message.sequence <= last) onMessage(message);
      if (message.sequence >= last) ending.abort();
    },
  });
}
