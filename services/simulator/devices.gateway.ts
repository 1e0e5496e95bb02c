import type { Logger } from '@stratum/infra/log.ts';
import type { MqttClient } from 'mqtt';
import type { Values } from './effects.ts';

/** With so many messages not acknowledged (a broker that is away for long) devices leave readings out. */
const UNACKNOWLEDGED_MAX = 5_000;

/** The devices of the plant, on one MQTT connection as a site's data concentrator has it. */
export type Devices = {
  /** Publishes what each twin shows, QoS 1, without waiting for the broker. */
  publish(readings: ReadonlyMap<string, Values>, observedAt: string): void;
};

/** Lets devices speak through a client. */
export function devicesOn(client: MqttClient, logger: Logger): Devices {
  let unacknowledged = 0;
  return {
    publish: (readings, observedAt) => {
      if (unacknowledged >= UNACKNOWLEDGED_MAX) {
        logger.warn({ unacknowledged, observedAt }, 'the broker takes no readings; some are left out');
        return;
      }
      for (const [twinId, values] of readings) {
        unacknowledged += 1;
        const body = JSON.stringify({ observedAt, values });
        client
          .publishAsync(`twins/${twinId}/telemetry`, body, { qos: 1 })
          .catch((error: Error) => logger.warn({ twinId, error: error.message }, 'a reading was not sent'))
          .finally(() => {
            unacknowledged -= 1;
          });
      }
    },
  };
}
