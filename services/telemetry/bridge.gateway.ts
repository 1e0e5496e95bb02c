import { hash, randomUUID } from 'node:crypto';
import { deviceSubjects, parseDeviceSubject, tokenSchema } from '@stratum/contracts/subjects.ts';
import { Overloaded, ServerRefused, Unavailable } from '@stratum/infra/event-store/errors.ts';
import { header, publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { type Refusal, refuse } from '@stratum/infra/event-store/refused.ts';
import { backoffMs, waitMs } from '@stratum/infra/event-store/wait.ts';
import mqtt from 'mqtt';
import type { Running, WorkerDeps } from '../worker/deps.ts';

/** Name of the gateway. */
export const BRIDGE_GATEWAY = 'mqtt-bridge';

const CONNECT_MS_MAX = 10_000;
const RECONNECT_MS = 1_000;
const KEEPALIVE_SECONDS = 30;
/** Room for headers and subject beside a payload in one NATS message. */
const ENVELOPE_BYTES = 4 * 1024;
/** QoS a broker answers for a subscription it refuses. */
const SUBSCRIPTION_REFUSED = 128;

/** What the devices publish on, as the broker calls it: `twins/+/telemetry`, … */
const topics = deviceSubjects.map((subject) => subject.replaceAll('.', '/').replaceAll('*', '+'));

/**
 * Carries what devices publish on a broker of somebody else's into DEVICES. A message is acknowledged to the broker only
 * when JetStream has it, so it is in one of the two at any time; the next is taken from the socket only then, so no more
 * than one is under way and the rest waits at the broker. A message the broker sends again after a broken connection
 * bears the same packet id and is stored once. What cannot be a subject or is too large goes to REFUSED.
 *
 * The session at the broker is named after this log and outlives the worker. Two workers take it from each other in turn.
 */
export async function bridgeGateway({ nc, signal, logger, config }: WorkerDeps): Promise<Running> {
  const publisher = publisherOf(nc);
  const { created } = await lastSequence(nc, 'DEVICES');
  const clientId = `stratum-bridge-${Date.parse(created).toString(36)}`;
  let position = 0;
  let connections = 0;
  let underWay: Promise<void> = Promise.resolve();
  /** Rejects when a message can be neither carried nor put aside: a defect, which ends the bridge. */
  const broken = Promise.withResolvers<never>();

  const client = mqtt.connect(config.mqttUrl, {
    clientId,
    clean: false,
    manualConnect: true,
    resubscribe: false,
    keepalive: KEEPALIVE_SECONDS,
    connectTimeout: CONNECT_MS_MAX,
    reconnectPeriod: RECONNECT_MS,
  });
  client.handleMessage = (packet, done) => {
    const connection = connections;
    underWay = carry(packet).then(
      // A connection that is gone cannot be acknowledged on; on the next one the packet id may mean another message.
      () => done(connection === connections ? undefined : new Error('the broker will send it again')),
      (error: unknown) => {
        broken.reject(error);
        done(error instanceof Error ? error : new Error(String(error)));
      },
    );
  };
  client.on('connect', () => void subscribe());
  client.on('close', () => {
    connections += 1;
  });
  client.on('error', (error) =>
    logger.warn({ gateway: BRIDGE_GATEWAY, error }, 'the MQTT broker cannot be used just now'),
  );
  client.connect();

  const stopped = ended();
  stopped.catch((error: unknown) => logger.error({ gateway: BRIDGE_GATEWAY, error }, 'the MQTT bridge cannot go on'));
  return { name: BRIDGE_GATEWAY, position: () => position, stopped };

  async function subscribe(): Promise<void> {
    try {
      const granted = await client.subscribeAsync(topics, { qos: 1 });
      const refused = granted.filter(({ qos }) => qos >= SUBSCRIPTION_REFUSED).map(({ topic }) => topic);
      if (refused.length > 0)
        logger.error({ gateway: BRIDGE_GATEWAY, refused }, 'the MQTT broker refuses subscriptions');
      else logger.info({ gateway: BRIDGE_GATEWAY, clientId }, 'carrying from the MQTT broker');
    } catch (error) {
      logger.warn({ gateway: BRIDGE_GATEWAY, error }, 'could not subscribe at the MQTT broker');
      client.reconnect();
    }
  }

  /** Resolves when the message is in DEVICES or REFUSED; rejects when the worker is ending, or over a defect. */
  async function carry(packet: mqtt.IPublishPacket): Promise<void> {
    const body = Buffer.from(packet.payload);
    const id = nameOf(packet, body);
    const subject = subjectOf(packet.topic);
    const bytesMax = (nc.info?.max_payload ?? 1024 * 1024) - ENVELOPE_BYTES;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        if (subject === undefined) await putAside('UnknownSubject', 'the topic cannot be a subject');
        else if (body.length > bytesMax)
          await putAside('TooLarge', `${body.length} bytes; at most ${bytesMax} are taken`);
        else position = (await publisher.publish(subject, body, header('Nats-Msg-Id', id))).sequence;
        return;
      } catch (error) {
        if (!isWorthATry(error)) throw error;
        logger.warn({ gateway: BRIDGE_GATEWAY, error, attempt }, 'a device message cannot be stored just now');
        await waitMs(backoffMs(attempt), signal);
      }
    }
    throw new Error('the worker is ending');

    function putAside(reason: Refusal['reason'], detail: string): Promise<void> {
      const subject = packet.topic.replaceAll(/\p{Cc}/gu, ' ');
      return refuse(nc, { source: `MQTT:${id}`, subject, reason, detail, body });
    }
  }

  /** The same packet, sent again because its acknowledgement was lost, has the same name. QoS 0 is never sent again. */
  function nameOf({ messageId, topic }: mqtt.IPublishPacket, body: Buffer): string {
    if (messageId === undefined) return randomUUID();
    return hash('sha256', Buffer.concat([Buffer.from(`${clientId} ${messageId} ${topic} `), body]), 'base64url');
  }

  async function ended(): Promise<void> {
    const ending = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.race([ending, broken.promise]);
      await underWay;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await client.endAsync(true);
    }
  }
}

/** What may pass by itself: the server is away, full, or refuses for now. A lookup it did not answer in time, too. */
function isWorthATry(error: unknown): boolean {
  if (error instanceof Unavailable || error instanceof ServerRefused || error instanceof Overloaded) return true;
  return error instanceof Error && error.name === 'TimeoutError';
}

/** `twins/drillrig1/telemetry` is `twins.drillrig1.telemetry`; `undefined` for what NATS could not take. */
function subjectOf(topic: string): string | undefined {
  const tokens = topic.split('/');
  const subject = tokens.join('.');
  return tokens.every((token) => tokenSchema.safeParse(token).success) && parseDeviceSubject(subject)
    ? subject
    : undefined;
}
