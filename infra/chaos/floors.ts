import { setTimeout as wait } from 'node:timers/promises';
import { type Instruction, instructionSchema } from '@stratum/contracts/job/job.ts';
import type { MqttClient } from 'mqtt';
import type { Api } from './api.ts';
import { connectCareful, type Send, sendInOrder } from './broker.ts';
import type { LedgerBook, SentReport } from './ledger.ts';

const HEARTBEAT_EVERY_MS = 1_000;
/** Silent for three of these means no work: longer than any part needs to come back. */
const HEARTBEAT_PERIOD_SECONDS = 20;
/** Each instruction is reported in so many parts, one after the other. */
const REPORTS = 3;
const REPORT_EVERY_MS = 200;
/** Of so many pieces one is defective. */
const DEFECTIVE_EVERY = 20;

/** The shopfloors of this run, which get all the work. */
export type Floors = {
  /** Whether a floor has heard of the order. */
  hasHeard(orderId: string): boolean;
  /** How often an instruction came that had come before: what floors have to pass over. */
  repeated(): number;
  /** Pieces of an order that were reported and acknowledged, good and defective together. */
  reported(orderId: string): number;
  /** Instructions being worked on, or reported but not acknowledged. */
  atWork(): number;
  /** Ends the signs of life. */
  fallSilent(): void;
  /** Leaves the broker. */
  end(): Promise<void>;
};

/** How the floors share the work, pieces per hour; uneven, so that a split leaves remainders. */
const CAPACITIES = [70, 31];

/**
 * Commissions two shopfloors, takes the work away from all others, and plays the two: signs of life, and for each
 * instruction three reports over MQTT, QoS 1. An instruction that comes twice is worked on once.
 */
export async function openFloors(options: { api: Api; mqttUrl: string; ledger: LedgerBook }): Promise<Floors> {
  const { api, mqttUrl, ledger } = options;
  await takeWorkFromOthers(api);
  const heard = new Set<string>();
  let repeated = 0;
  const working = new Set<Promise<void>>();
  const clients: MqttClient[] = [];
  for (const [index, capacityPerHour] of CAPACITIES.entries()) {
    const shopfloorId = `chaos-floor-${index + 1}`;
    const heartbeatPeriodSeconds = HEARTBEAT_PERIOD_SECONDS;
    const definition = { shopfloorId, name: `Floor ${shopfloorId}`, capacityPerHour, heartbeatPeriodSeconds };
    await api.insist('/api/shopfloors', definition, `chaos-floor-${shopfloorId}`);
    clients.push(play(shopfloorId));
  }
  const beating = setInterval(() => clients.forEach(beat), HEARTBEAT_EVERY_MS);

  return {
    hasHeard: (orderId) => [...heard].some((job) => job.startsWith(orderId)),
    repeated: () => repeated,
    reported: (orderId) =>
      ledger.acknowledged.reports
        .filter((report) => report.orderId === orderId)
        .reduce((total, { produced, defective }) => total + produced + defective, 0),
    atWork: () => working.size,
    fallSilent: () => clearInterval(beating),
    async end() {
      clearInterval(beating);
      await Promise.all(clients.map((client) => client.endAsync(true)));
    },
  };

  function play(shopfloorId: string): MqttClient {
    const client = connectCareful(mqttUrl, shopfloorId);
    const send = sendInOrder(client);
    const topic = `shopfloor/${shopfloorId}/instructions`;
    client.on('connect', () => {
      client.subscribeAsync(topic, { qos: 1 }).then(
        () => beat(client),
        () => undefined,
      );
    });
    client.on('message', (_topic, payload) => {
      const instruction = instructionSchema.parse(JSON.parse(payload.toString()));
      const job = `${instruction.orderId}_${shopfloorId}`;
      if (heard.has(job)) {
        repeated += 1;
        return;
      }
      heard.add(job);
      const work = reportAll(client, send, shopfloorId, instruction);
      working.add(work);
      work.finally(() => working.delete(work));
    });
    return client;
  }

  /** Ends without the rest when the client ends; then the reports are not on the list either. */
  async function reportAll(
    client: MqttClient,
    send: Send,
    shopfloorId: string,
    instruction: Instruction,
  ): Promise<void> {
    try {
      for (const report of reportsOf(shopfloorId, instruction)) {
        ledger.sending('reports', report);
        await send(`shopfloor/${shopfloorId}/reports`, JSON.stringify(report));
        ledger.acknowledge('reports', report);
        await wait(REPORT_EVERY_MS);
      }
    } catch (error) {
      if (!client.disconnecting) throw error;
    }
  }
}

/** The parts add up to the instruction's quantity; each carries the instant at which it is made. */
function* reportsOf(shopfloorId: string, { orderId, quantity }: Instruction): Generator<SentReport> {
  const share = Math.ceil(quantity / REPORTS);
  for (let made = 0; made < quantity; made += share) {
    const pieces = Math.min(share, quantity - made);
    const defective = Math.floor(pieces / DEFECTIVE_EVERY);
    yield { orderId, shopfloorId, produced: pieces - defective, defective, timestamp: new Date().toISOString() };
  }
}

/** A sign of life, worth nothing when it is late. */
function beat(client: MqttClient): void {
  if (!client.connected) return;
  client.publish(`shopfloor/${client.options.clientId}/heartbeat`, '{}', { qos: 0 });
}

async function takeWorkFromOthers(api: Api): Promise<void> {
  const view = (await api.ask('/api/shopfloors')) as { shopfloors: { shopfloor: { _id: string } }[] } | undefined;
  if (view === undefined) throw new Error('the API does not list the shopfloors');
  for (const { shopfloor } of view.shopfloors) {
    const path = `/api/shopfloors/${shopfloor._id}/capacity`;
    await api.insist(path, { capacityPerHour: 0 }, `chaos-capacity-${shopfloor._id}`);
  }
}
