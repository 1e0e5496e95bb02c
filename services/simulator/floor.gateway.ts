import { instructionSchema } from '@stratum/contracts/job/job.ts';
import { instructionTopic } from '@stratum/contracts/subjects.ts';
import type { Logger } from '@stratum/infra/log.ts';
import type { MqttClient } from 'mqtt';
import { endBroker } from './broker.gateway.ts';
import { accept, acknowledged, type Floor, type FloorTraits, idleFloor, work } from './floor.ts';
import type { Kept } from './keep.gateway.ts';

/** A simulated shopfloor on the broker. */
export type RunningFloor = {
  /** Works for some seconds of the plant's time, and reports. */
  work(seconds: number): void;
  /** Sends a sign of life. */
  beat(): void;
  /** Orders it has not finished. */
  openOrders(): string[];
  /** Leaves the broker; resolves when what it remembers is on disk. */
  end(): Promise<void>;
};

/**
 * Lets a shopfloor live: it takes instructions (each kept on disk before the broker is told), and sends reports (each kept
 * on disk until the broker has acknowledged it). So a crash neither loses work nor reports it twice.
 */
export async function openFloor(
  connect: (clientName: string) => MqttClient,
  traits: FloorTraits,
  kept: Kept<Floor>,
  logger: Logger,
): Promise<RunningFloor> {
  const { shopfloorId } = traits;
  let floor = (await kept.read()) ?? idleFloor;
  let resting: Promise<void> = Promise.resolve();
  const sending = new Set<Floor['outbox'][number]>();
  // The broker may send what it kept as soon as it is connected, so from here to the handler nothing is awaited.
  const client = connect(shopfloorId);

  const become = (next: Floor): Promise<void> => {
    if (next === floor) return resting;
    floor = next;
    resting = kept.write(floor);
    return resting;
  };

  // mqtt.js acknowledges a message once this calls back.
  client.handleMessage = (packet, done) => {
    const instruction = instructionSchema.safeParse(parseJson(packet.payload.toString()));
    if (!instruction.success) {
      logger.warn({ shopfloorId, topic: packet.topic }, 'an instruction that nobody here understands');
      done();
      return;
    }
    become(accept(floor, instruction.data)).then(() => done(), done);
  };
  const subscribe = () =>
    client
      .subscribeAsync(instructionTopic(shopfloorId), { qos: 1 })
      .then(beat)
      .catch((error: Error) => logger.warn({ shopfloorId, error: error.message }, 'no instructions can be had'));
  client.on('connect', () => void subscribe());
  send();

  return {
    beat,
    work: (seconds) => {
      const now = new Date().toISOString();
      const before = floor;
      const after = work(floor, traits, seconds, now);
      if (after === before) return;
      // A report goes out only once it is on disk, so that after a crash the same one is sent again.
      become(after).then(send, (error: Error) => logger.error({ shopfloorId, error: error.message }, 'cannot write'));
    },
    openOrders: () => floor.open.map(({ orderId }) => orderId),
    end: async () => {
      await endBroker(client);
      await resting;
    },
  };

  function beat(): void {
    if (!client.connected) return;
    const body = JSON.stringify({ shopfloorId, timestamp: new Date().toISOString() });
    client.publish(`shopfloor/${shopfloorId}/heartbeat`, body, { qos: 0 });
  }

  function send(): void {
    for (const report of floor.outbox) {
      if (sending.has(report)) continue;
      sending.add(report);
      client
        .publishAsync(`shopfloor/${shopfloorId}/reports`, JSON.stringify(report), { qos: 1 })
        .then(() => become(acknowledged(floor, [report])))
        .catch((error: Error) => logger.warn({ shopfloorId, error: error.message }, 'a report was not sent'))
        .finally(() => sending.delete(report));
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
