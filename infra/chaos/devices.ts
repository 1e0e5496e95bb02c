import type { MqttClient } from 'mqtt';
import type { Api } from './api.ts';
import { connectCareful, sendInOrder } from './broker.ts';
import { LEVEL_HIGH, type LedgerBook, type SentReading } from './ledger.ts';

/** A twin goes beyond its limit for three readings of every six. */
const CROSSING_READINGS = 6;
/** So many unacknowledged readings are kept; beyond that a device leaves readings out. */
const UNACKNOWLEDGED_MAX = 10_000;

/** The devices of twins that only this run speaks for. */
export type Devices = {
  twinIds: readonly string[];
  /** Begins to publish. */
  start(): void;
  /** Publishes so many readings more, all at once. */
  burst(readings: number): void;
  /** Ends publishing; whether the broker has acknowledged everything is asked by `unacknowledged`. */
  stop(): void;
  unacknowledged(): number;
  /** Leaves the broker. */
  end(): Promise<void>;
};

/**
 * Commissions twins and publishes their readings over MQTT, QoS 1, `perSecond` in all. Every reading is another one: it
 * carries a serial number of its twin and its own instant. The first twin crosses its limit again and again.
 */
export async function openDevices(options: {
  api: Api;
  mqttUrl: string;
  twins: number;
  perSecond: number;
  ledger: LedgerBook;
}): Promise<Devices> {
  const { api, mqttUrl, perSecond, ledger } = options;
  const twinIds = Array.from({ length: options.twins }, (_, index) => `chaos-${index + 1}`);
  for (const twinId of twinIds) await api.insist('/api/twins', definitionOf(twinId), `chaos-twin-${twinId}`);
  const client: MqttClient = connectCareful(mqttUrl, 'chaos-devices');
  const send = sendInOrder(client);
  let sent = 0;
  let unacknowledged = 0;
  let newestMs = 0;
  let clock: NodeJS.Timeout | undefined;

  return {
    twinIds,
    start() {
      clock = setInterval(publishNext, 1000 / perSecond);
    },
    burst(readings) {
      for (let count = 0; count < readings; count++) publishNext();
    },
    stop() {
      clearInterval(clock);
    },
    unacknowledged: () => unacknowledged,
    end: () => client.endAsync(true),
  };

  function publishNext(): void {
    if (unacknowledged >= UNACKNOWLEDGED_MAX) return;
    const reading = nextReading();
    sent += 1;
    unacknowledged += 1;
    ledger.sending('readings', reading);
    const body = JSON.stringify({
      observedAt: reading.observedAt,
      values: { serial: reading.serial, level: reading.level },
    });
    send(`twins/${reading.twinId}/telemetry`, body)
      .then(() => {
        ledger.acknowledge('readings', reading);
        unacknowledged -= 1;
      })
      // Only when the client ends before the broker acknowledged: then nothing was promised.
      .catch(() => undefined);
  }

  function nextReading(): SentReading {
    const twinId = twinIds[sent % twinIds.length] ?? '';
    const serial = Math.floor(sent / twinIds.length);
    const isOver = twinId === twinIds[0] && serial % CROSSING_READINGS >= CROSSING_READINGS / 2;
    newestMs = Math.max(Date.now(), newestMs + 1);
    const level = isOver ? LEVEL_HIGH * 1.5 : LEVEL_HIGH / 2;
    return { twinId, serial, level, observedAt: new Date(newestMs).toISOString() };
  }
}

function definitionOf(twinId: string) {
  const key = (name: string, high: number) => ({
    key: name,
    name,
    unit: '',
    limits: { low: -1, high },
  });
  return {
    twinId,
    name: `Twin ${twinId}`,
    twinType: 'chaos-device',
    valueStream: 'Other',
    parameters: [key('serial', Number.MAX_SAFE_INTEGER), key('level', LEVEL_HIGH)],
  };
}
