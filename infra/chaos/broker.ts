import mqtt, { type MqttClient } from 'mqtt';

const CONNECT_MS_MAX = 5_000;
const RECONNECT_EVERY_MS = 200;
const RETRY_MS = 50;

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

/** Publishes a message with QoS 1; resolves when the broker has acknowledged it, rejects when the client is ended before. */
export type Send = (topic: string, body: string) => Promise<void>;

type Message = { topic: string; body: string; resolve: () => void; reject: (error: Error) => void };

/**
 * Sends in order and does not give up. The client alone would drop what it is given while it sends its backlog, when the
 * connection breaks again: this waits until everything under way is settled and sends the dropped messages once more.
 */
export function sendInOrder(client: MqttClient): Send {
  const waiting: Message[] = [];
  let dropped: Message[] = [];
  let underWay = 0;

  return (topic, body) =>
    new Promise((resolve, reject) => {
      waiting.push({ topic, body, resolve, reject });
      sendWaiting();
    });

  function sendWaiting(): void {
    if (dropped.length > 0) return;
    for (const message of waiting.splice(0)) publish(message);
  }

  function publish(message: Message): void {
    underWay += 1;
    client
      .publishAsync(message.topic, message.body, { qos: 1 })
      .then(message.resolve, (error: Error) => {
        if (client.disconnecting) message.reject(error);
        else dropped.push(message);
      })
      .finally(() => {
        underWay -= 1;
        if (underWay === 0 && dropped.length > 0) setTimeout(sendDropped, RETRY_MS);
      });
  }

  function sendDropped(): void {
    waiting.unshift(...dropped);
    dropped = [];
    sendWaiting();
  }
}
