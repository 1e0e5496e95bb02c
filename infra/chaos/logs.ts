import type { NatsConnection } from '@nats-io/nats-core';
import { SITE_DEFAULT, telemetrySubject } from '@stratum/contracts/subjects.ts';
import { decodePlantEvent, decodeReading } from '../event-store/codec.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { readSubject } from '../event-store/read.ts';
import { listRefusals } from '../event-store/refused.ts';
import type { Recorded } from './verdict.ts';

const REFUSALS_PER_PAGE = 200;
/** Subjects of this run's own twins and shopfloors. */
const OWN_SUBJECT = /^(twins|shopfloor)\.chaos-/;

/** Reads everything from the logs themselves that this run is about; no read model is asked. */
export async function readLogs(nc: NatsConnection, twinIds: readonly string[]): Promise<Recorded> {
  const publisher = publisherOf(nc);
  const plant = await readSubject(publisher, 'PLANT', 'plant.>', 0);
  const readings: Recorded['readings'] = [];
  for (const twinId of twinIds) {
    for (const message of await readSubject(publisher, 'TELEMETRY', telemetrySubject(SITE_DEFAULT, twinId), 0)) {
      const { observedAt, values } = decodeReading(message).data;
      readings.push({ twinId, serial: values.serial ?? Number.NaN, observedAt });
    }
  }
  return {
    readings,
    events: plant.map(decodePlantEvent).filter((event) => event !== undefined),
    refused: await ownRefusals(nc),
  };
}

async function ownRefusals(nc: NatsConnection): Promise<string[]> {
  const found: string[] = [];
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await listRefusals(nc, { before, limit: REFUSALS_PER_PAGE });
    const own = page.filter(({ subject }) => OWN_SUBJECT.test(subject));
    found.push(...own.map(({ subject, reason, detail }) => `refused on ${subject}: ${reason}, ${detail}`));
    const last = page.at(-1);
    if (last === undefined) return found;
    before = Number(last.position.split(':').at(-1));
  }
}
