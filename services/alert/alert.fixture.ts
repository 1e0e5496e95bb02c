import type { NatsConnection } from '@nats-io/nats-core';
import type { AlertEvent } from '@stratum/contracts/alert/alert.ts';
import { type EventOf, parsePosition } from '@stratum/contracts/envelope.ts';
import type { TwinEvent } from '@stratum/contracts/twin/twin.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { openStore, type Store } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openTelemetryLog, type TelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import { openLog } from '@stratum/infra/log.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { onTestFinished } from 'vitest';
import { alertReactor, type RunningAlerts } from './alert.reactor.ts';

/** A server with the streams, and a connection to it that writes twins and readings. */
export async function startPlant() {
  const server = await startNats();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const nc = await connectNats(server.url, { name: 'test' });
  onTestFinished(() => nc.close());
  await ensureStreams(nc);
  const store = openStore(nc);
  const telemetry = await openTelemetryLog(nc);
  return {
    server,
    nc,
    store,
    tell: (...events: TwinEvent[]) => tell(store, events),
    read: (twinId: string, at: string, flow: number) => read(telemetry, twinId, at, flow),
    readMany: (twinId: string, at: string, flow: number, count: number) => readMany(telemetry, twinId, at, flow, count),
    setCapacity: (count: number) => setCapacity(store, count),
    alerts: (twinId: string) => alertsOf(nc, twinId),
  };
}

/** An alert reactor on a connection and store of its own, as another process would have; ended with the test at the latest. */
export async function startReactor(
  server: TestNats,
  now: () => Date = () => new Date(),
  connected?: NatsConnection,
): Promise<RunningAlerts & { end: () => Promise<void> }> {
  const nc = connected ?? (await connectNats(server.url, { name: 'reactor' }));
  const ending = new AbortController();
  const logger = openLog('reactor', 'silent');
  const config = { mqttUrl: '', mqttIsForeign: false };
  const reactor = await alertReactor({ nc, store: openStore(nc), now, logger, signal: ending.signal, config });
  const end = async () => {
    ending.abort();
    await reactor.stopped;
    if (!nc.isClosed()) await nc.close();
  };
  onTestFinished(() => end());
  return { ...reactor, end };
}

let told = 0;
async function tell(store: Store, events: TwinEvent[]): Promise<void> {
  for (const event of events) {
    const aggregate = { site: 'main', entity: 'twin', id: event.data.twinId } as const;
    const after = (await store.read(aggregate)).at(-1)?.recorded.sequence ?? 0;
    const sent = { type: 'Tell', actor: 'test:alert', correlationId: 't', time: '2026-11-24T20:00:00Z' } as const;
    await store.append([{ aggregate, after, events: [event] }], { ...sent, id: `tell-${told++}`, data: null });
  }
}

/** Records so many events, hundreds of them, that say nothing of twins or alerts. */
async function setCapacity(store: Store, count: number): Promise<void> {
  const aggregate = { site: 'main', entity: 'shopfloor', id: 'shopfloor1' } as const;
  const data = { shopfloorId: 'shopfloor1', capacityPerHour: 90 };
  const events = Array.from({ length: 100 }, () => ({ type: 'CapacitySet', data }) as const);
  const sent = { type: 'Tell', actor: 'test:alert', correlationId: 't', time: '2026-11-24T20:00:00Z' } as const;
  for (let done = 0; done < count; done += events.length) {
    const after = (await store.read(aggregate)).at(-1)?.recorded.sequence ?? 0;
    await store.append([{ aggregate, after, events }], { ...sent, id: `set-${told++}`, data: null });
  }
}

/** Records a reading and answers its sequence. */
async function read(telemetry: TelemetryLog, twinId: string, observedAt: string, flow: number): Promise<number> {
  const reading = { observedAt, values: { flow }, outside: {} };
  return parsePosition((await telemetry.append({ site: 'main', twinId, reading })).position).sequence;
}

/** Records so many readings, a second apart, and answers the last one's sequence. */
async function readMany(telemetry: TelemetryLog, twinId: string, at: string, flow: number, count: number) {
  let last = 0;
  for (let done = 0; done < count; done += 500) {
    const times = Array.from({ length: Math.min(500, count - done) }, (_, index) =>
      new Date(Date.parse(at) + (done + index) * 1000).toISOString(),
    );
    last = Math.max(...(await Promise.all(times.map((time) => read(telemetry, twinId, time, flow)))));
  }
  return last;
}

type AlertFact = EventOf<AlertEvent>;

async function alertsOf(nc: Parameters<typeof publisherOf>[0], twinId: string): Promise<AlertFact[]> {
  const subjects = ['high', 'low'].map((direction) => `plant.main.alert.${twinId}_flow_${direction}`);
  const pages = await Promise.all(subjects.map((subject) => readSubject(publisherOf(nc), 'PLANT', subject, 0)));
  return pages
    .flat()
    .toSorted((one, other) => one.sequence - other.sequence)
    .map((message) => decodePlantEvent(message) as unknown as AlertFact);
}
