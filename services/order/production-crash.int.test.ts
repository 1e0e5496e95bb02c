import { type Instruction, instructionSchema } from '@stratum/contracts/job/job.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { instructionTopic } from '@stratum/contracts/subjects.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import mqtt, { type MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import { startTestPlant, type TestPlant } from './production.fixture.ts';

const ORDERS = 12;
const REPORTS_PER_JOB = 4;
const QUANTITY = 1000;

/** A floor with a session that outlives its connection, which reports each instruction in four parts and counts along. */
async function playFloor(plant: TestPlant, shopfloorId: string, sent: Map<string, number>): Promise<MqttClient> {
  const client = await mqtt.connectAsync(plant.server.mqttUrl, {
    protocolVersion: 4,
    clientId: `floor-${shopfloorId}`,
    clean: false,
    reconnectPeriod: 100,
  });
  client.on('error', () => undefined);
  client.on('message', (_topic, body) => {
    const instruction = instructionSchema.parse(JSON.parse(body.toString()));
    if (sent.has(`${instruction.orderId}_${shopfloorId}`)) return;
    sent.set(`${instruction.orderId}_${shopfloorId}`, instruction.quantity);
    void work(client, shopfloorId, instruction);
  });
  await client.subscribeAsync(instructionTopic(shopfloorId), { qos: 1 });
  await client.publishAsync(`shopfloor/${shopfloorId}/heartbeat`, '{}', { qos: 1 });
  return client;
}

async function work(client: MqttClient, shopfloorId: string, { orderId, quantity }: Instruction): Promise<void> {
  const share = Math.floor(quantity / REPORTS_PER_JOB);
  for (let part = 1; part <= REPORTS_PER_JOB; part += 1) {
    const produced = part < REPORTS_PER_JOB ? share : quantity - share * (REPORTS_PER_JOB - 1);
    const timestamp = new Date(Date.UTC(2026, 10, 24, 10, part)).toISOString();
    const body = JSON.stringify({ orderId, shopfloorId, produced, defective: 0, timestamp });
    // The broker may acknowledge nothing of this for a while; mqtt.js sends it again, so it may arrive twice.
    await client.publishAsync(`shopfloor/${shopfloorId}/reports`, body, { qos: 1 });
  }
}

/** The same order again and again until the server takes it; it is placed once. */
function place(plant: TestPlant, name: string): Promise<string> {
  const attempt = () =>
    plant.placeOrder(name, QUANTITY).catch((error: unknown) => {
      if (error instanceof Unavailable) return undefined;
      throw error;
    });
  return waitFor(attempt, { what: `${name} to be placed`, msMax: 20_000 });
}

const countOf = (events: PlantEvent[], type: PlantEvent['type']) =>
  events.filter((event) => event.type === type).length;

test.each([
  { isRival: false, as: 'that share the work' },
  { isRival: true, as: 'that both do all of it' },
])(
  'two workers $as, and a nats-server killed twice in the middle: nothing is lost, nothing is doubled',
  async (how) => {
    await using plant = await startTestPlant();
    await plant.commission('shopfloor1', 30);
    await plant.commission('shopfloor2', 70);
    await plant.startWorker(how);
    await plant.startWorker(how);
    const sent = new Map<string, number>();
    const floors = await Promise.all(['shopfloor1', 'shopfloor2'].map((id) => playFloor(plant, id, sent)));
    await Promise.all(
      ['shopfloor1', 'shopfloor2'].map((id) => plant.waitForEvent('shopfloor', id, 'ShopfloorReturned')),
    );

    const orderIds: string[] = [];
    for (let n = 0; n < ORDERS; n += 1) {
      orderIds.push(await place(plant, `CRASH${n}`));
      if (n === 3 || n === 8) {
        await plant.server.kill();
        await plant.server.restart();
      }
    }

    for (const orderId of orderIds) {
      const { data } = await plant.waitForEvent('order', orderId, 'OrderCompleted');
      expect(data).toMatchObject({ good: QUANTITY, defective: 0 });
      const events = await plant.eventsOf('order', orderId);
      expect(countOf(events, 'OrderDistributed')).toBe(1);
      expect(countOf(events, 'OrderCompleted')).toBe(1);
      for (const [shopfloorId, quantity] of [
        ['shopfloor1', 300],
        ['shopfloor2', 700],
      ] as const) {
        const jobId = `${orderId}_${shopfloorId}`;
        expect(sent.get(jobId)).toBe(quantity);
        const isRecorded = async () => countOf(await plant.eventsOf('job', jobId), 'JobDispatched') > 0;
        await waitFor(isRecorded, { what: `${jobId} to be recorded as dispatched` });
        const jobEvents = await plant.eventsOf('job', jobId);
        expect(countOf(jobEvents, 'JobReleased')).toBe(1);
        expect(countOf(jobEvents, 'JobDispatched')).toBe(1);
        expect(countOf(jobEvents, 'WorkReported')).toBe(REPORTS_PER_JOB);
      }
    }
    await Promise.all(floors.map((client) => client.endAsync(true)));
  },
  60_000,
);
