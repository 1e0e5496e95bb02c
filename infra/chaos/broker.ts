import mqtt, { type MqttClient } from 'mqtt';

const CONNECT_MS_MAX = 5_000;
const RECONNECT_EVERY_MS = 200;

/**
 * An MQTT client as careful devices have it: a session that the broker keeps, QoS 1, and every message kept and sent again
 * until the broker has acknowledged it, for as long as that takes.
 */
export function connectCareful(mqttUrl: string, clientId: string): MqttClient {
  const client = mqtt.connect(mqttUrl, {
    protocolVersion: 4,
    clientId,
    clean: false,
    connectTimeout: CONNECT_MS_MAX,
    reconnectPeriod: RECONNECT_EVERY_MS,
  });
  // It is away again and again; that is what this is about.
  client.on('error', () => undefined);
  return client;
}
