import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import mqtt from 'mqtt';

const CONNECT_MS_MAX = 5_000;
/** NATS hands a message over within milliseconds; a broker whose message has not come by then is another one. */
const ARRIVAL_MS_MAX = 2_000;

/**
 * Whether an MQTT broker is not NATS itself: a message goes in by MQTT and either comes out of NATS or does not. Throws
 * when the broker cannot be reached.
 */
export async function isForeignBroker(nc: NatsConnection, mqttUrl: string): Promise<boolean> {
  const id = randomUUID();
  const arrived = Promise.withResolvers<boolean>();
  const probe = nc.subscribe(`probe.${id}`, { max: 1, callback: () => arrived.resolve(false) });
  await nc.flush();
  const client = await mqtt.connectAsync(
    mqttUrl,
    {
      protocolVersion: 4,
      clientId: `stratum-probe-${id.slice(0, 8)}`,
      connectTimeout: CONNECT_MS_MAX,
      reconnectPeriod: 0,
    },
    false,
  );
  try {
    await client.publishAsync(`probe/${id}`, '', { qos: 1 });
    const timer = setTimeout(() => arrived.resolve(true), ARRIVAL_MS_MAX);
    const isForeign = await arrived.promise;
    clearTimeout(timer);
    return isForeign;
  } finally {
    probe.unsubscribe();
    await client.endAsync(true);
  }
}
