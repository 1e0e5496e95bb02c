import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@stratum/infra/log.ts';
import mqtt, { type MqttClient } from 'mqtt';

const CONNECT_MS_MAX = 5_000;
const RECONNECT_EVERY_MS = 1_000;
const END_MS_MAX = 1_500;

/**
 * An MQTT client with a session of its own that the broker keeps (QoS 1 both ways). It reconnects for ever and sends again
 * what was not acknowledged. nats-server speaks MQTT 3.1.1 only.
 */
export function connectBroker(mqttUrl: string, clientId: string, logger: Logger): MqttClient {
  const client = mqtt.connect(mqttUrl, {
    protocolVersion: 4,
    clientId,
    clean: false,
    connectTimeout: CONNECT_MS_MAX,
    reconnectPeriod: RECONNECT_EVERY_MS,
  });
  client.on('connect', () => logger.info({ clientId }, 'connected to the MQTT broker'));
  client.on('error', (error) => logger.warn({ clientId, error: error.message }, 'the MQTT broker is out of reach'));
  return client;
}

/** Ends a client: in order, if the broker answers in time; what it has not acknowledged then stays unsaid. */
export async function endBroker(client: MqttClient): Promise<void> {
  const isEnded = client.endAsync(!client.connected).then(() => true);
  if (!(await Promise.race([isEnded, sleep(END_MS_MAX, false, { ref: false })]))) client.stream.destroy();
}
