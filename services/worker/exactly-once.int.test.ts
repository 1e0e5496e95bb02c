import type { NatsConnection } from '@nats-io/nats-core';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openTelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import { pump } from '../alert/watch.fixture.ts';
import { order } from '../order/order.ts';
import { shopfloor } from '../shopfloor/shopfloor.ts';
import { twinDecider } from '../twin/twin.ts';
import { type Mode, modes, NOW, type PartName, parts, story } from './exactly-once.fixture.ts';

const FLOORS = ['shopfloor1', 'shopfloor2'];
/** Placed before and after there were floors to make them. */
const HELD = 'ORD-0000000001';
const SHARED = 'ORD-0000000002';
const UNKNOWN = 'ORD-0000000003';
const TWINS = ['pump1', 'pump2'];
const caller = { actor: 'account:tester', correlationId: 'test', time: NOW } as const;
const at = (second: number) => new Date(Date.parse(NOW) + second * 1_000).toISOString();

/** A day of the plant on a server of its own: each part in its turn, run in one way to the end of what it reads. */
async function dayOf(mode: Mode): Promise<Awaited<ReturnType<typeof story>>> {
  await using server = await startNats({ mqtt: true });
  const nc = await connectNats(server.url, { name: 'day' });
  await ensureStreams(nc);
  const run = (name: PartName) => mode({ server, nc }, name);

  await people(nc);
  await place(nc, HELD);
  await run('order');
  await devices(nc, (say) => {
    for (const floor of FLOORS) say(`shopfloor.${floor}.heartbeat`, {});
  });
  await run('shopfloor');
  await place(nc, SHARED);
  for (const name of ['order', 'job', 'dispatch'] as const) await run(name);
  await devices(nc, (say) => {
    for (const orderId of [HELD, SHARED, UNKNOWN]) {
      for (const shopfloorId of FLOORS) {
        const report = { orderId, shopfloorId, produced: 50, defective: 0 };
        // The second one comes twice, as QoS 1 permits.
        for (const minute of [1, 2, 2])
          say(`shopfloor.${shopfloorId}.reports`, { ...report, timestamp: at(60 * minute) });
      }
    }
  });
  await run('report');
  await run('order');
  await readings(nc);
  await run('alert');

  const told = await story(nc);
  await nc.close();
  return told;
}

async function people(nc: NatsConnection): Promise<void> {
  const store = openStore(nc);
  for (const twinId of TWINS) {
    const command = { ...caller, id: `twin:${twinId}`, type: 'CommissionTwin', data: pump(twinId, {}) } as const;
    await handle(store, twinDecider, { site: SITE_DEFAULT, entity: 'twin', id: twinId }, command);
  }
  for (const shopfloorId of FLOORS) {
    const data = { shopfloorId, name: shopfloorId, capacityPerHour: 100, heartbeatPeriodSeconds: 60 };
    const command = { ...caller, id: `floor:${shopfloorId}`, type: 'CommissionShopfloor', data } as const;
    await handle(store, shopfloor, { site: SITE_DEFAULT, entity: 'shopfloor', id: shopfloorId }, command);
  }
}

async function place(nc: NatsConnection, orderId: string): Promise<void> {
  const data = { orderId, description: 'Cola Bottles 500ml', quantity: 100, material: 'PET Plastic' };
  const command = { ...caller, id: `place:${orderId}`, type: 'PlaceOrder', data } as const;
  await handle(openStore(nc), order, { site: SITE_DEFAULT, entity: 'order', id: orderId }, command);
}

/** Lets devices say something, and waits until it is in DEVICES. */
async function devices(nc: NatsConnection, speak: (say: (subject: string, body: object) => void) => void) {
  let { last } = await lastSequence(nc, 'DEVICES');
  speak((subject, body) => {
    nc.publish(subject, JSON.stringify(body));
    last += 1;
  });
  await waitFor(async () => (await lastSequence(nc, 'DEVICES')).last >= last, { what: 'DEVICES to have it' });
}

/** Above the limit, far above, for more than five minutes, and well again. */
async function readings(nc: NatsConnection): Promise<void> {
  const log = await openTelemetryLog(nc);
  const flows = [50, 61, 81, 70, 50];
  for (const [index, flow] of flows.entries()) {
    for (const twinId of TWINS) {
      const reading = { observedAt: at(150 * index), values: { flow }, outside: {} };
      await log.append({ site: SITE_DEFAULT, twinId, reading });
    }
  }
}

describe('what the parts of the worker record is the same', () => {
  let clean: Awaited<ReturnType<typeof dayOf>>;
  beforeAll(async () => {
    clean = await dayOf(modes.once as Mode);
  }, 120_000);

  test('as is known of this day, every part having had something to do', () => {
    const types = Object.values(clean.events).flatMap((events) => events.map((text) => JSON.parse(text).type));
    const expected: Partial<Record<PlantEvent['type'], number>> = {
      TwinCommissioned: 2,
      ShopfloorCommissioned: 2,
      OrderPlaced: 2,
      OrderHeld: 1,
      ShopfloorReturned: 2,
      OrderDistributed: 2,
      JobReleased: 3,
      JobDispatched: 3,
      WorkReported: 4,
      OrderProgressed: 4,
      OrderCompleted: 2,
      AlertRaised: 2,
      AlertPersisted: 2,
      AlertCleared: 2,
    };
    const counts = Object.fromEntries([...Map.groupBy(types, (type) => type)].map(([type, all]) => [type, all.length]));
    expect(counts).toMatchObject(expected);
    expect(clean.refused).toHaveLength(13);
    expect(Object.keys(parts)).toHaveLength(6);
  });

  test.each(Object.keys(modes))(
    'when each is run %s',
    async (name) => {
      expect(await dayOf(modes[name] as Mode)).toEqual(clean);
    },
    240_000,
  );
});
