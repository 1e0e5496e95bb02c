import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Devices share connections: the broker sees this many, each with so many twins that report in turn. */
const CONNECTIONS = 20;
/** A second's readings are sent in so many portions. */
const SLICES = 40;
const CONNECT_MS_MAX = 10_000;
/** Packet ids of one connection; as many messages may be unacknowledged on it. */
const PACKET_IDS = 65_535;

/** Values are whole and of six digits, so that each packet can be written over the last one in place. */
export const LIMIT_HIGH = 900_000;
const VALUE_INSIDE = 100_000;
const VALUE_OUTSIDE = LIMIT_HIGH + 1;
/** Seconds that a value can tell apart. */
const SECONDS_MAX = 90_000;

export type Load = {
  twinIds: readonly string[];
  seconds: number;
  /** Every so many readings of a twin one crosses its high limit; the next comes back inside. Twins take turns. */
  crossingEvery: number;
};

/** A load under way. Readings are numbered `twin index × seconds + second`. */
export type RunningLoad = {
  /** 1 for each reading that the broker has acknowledged. */
  acknowledged: Uint8Array;
  /** How many those are. */
  acknowledgedCount(): number;
  sentCount(): number;
  /** Readings sent so far that cross the limit. */
  crossingCount(): number;
  /** Resolves when all are sent, with the seconds that took; rejects when a connection breaks. */
  sent: Promise<number>;
  close(): void;
};

/** Second and side of a reading, told from its value. */
export function secondOf(value: number): number {
  return value >= VALUE_OUTSIDE ? value - VALUE_OUTSIDE : value - VALUE_INSIDE;
}

/**
 * Lets every twin publish once a second with QoS 1. MQTT is written by hand: packets are made once and only id, instant and
 * value are written over, which costs some 3 µs a reading where a client library takes 50, so that the devices leave the machine to
 * the plant. Each reading says when it was published (`observedAt`).
 */
export async function startLoad(mqttUrl: string, load: Load): Promise<RunningLoad> {
  const { twinIds, seconds, crossingEvery } = load;
  if (seconds > SECONDS_MAX) throw new RangeError(`at most ${SECONDS_MAX} seconds can be told apart`);
  const acknowledged = new Uint8Array(twinIds.length * seconds);
  const packets = twinIds.map(packetOf);
  let acknowledgedCount = 0;
  let sentCount = 0;
  let crossingCount = 0;
  const broken = Promise.withResolvers<never>();
  const lines = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, line) =>
      openLine(mqttUrl, `fleet-${line}`, broken.reject, (reading) => {
        if (acknowledged[reading] === 0) acknowledgedCount += 1;
        acknowledged[reading] = 1;
      }),
    ),
  );

  const sendAll = async (): Promise<number> => {
    const started = performance.now();
    for (let slice = 0; slice < seconds * SLICES; slice++) {
      const early = (slice * 1000) / SLICES - (performance.now() - started);
      if (early > 0) await sleep(early);
      const second = Math.floor(slice / SLICES);
      for (let index = slice % SLICES; index < packets.length; index += SLICES) {
        const isOutside = (second + index) % crossingEvery === crossingEvery - 1;
        if (isOutside) crossingCount += 1;
        const packet = packets[index];
        const value = second + (isOutside ? VALUE_OUTSIDE : VALUE_INSIDE);
        if (packet !== undefined) lines[lineOf(index)]?.add(packet, value, index * seconds + second);
        sentCount += 1;
      }
      for (const line of lines) line.flush();
    }
    return (performance.now() - started) / 1000;
  };
  const sent = Promise.race([sendAll(), broken.promise]);
  sent.catch(() => undefined);
  return {
    acknowledged,
    acknowledgedCount: () => acknowledgedCount,
    sentCount: () => sentCount,
    crossingCount: () => crossingCount,
    sent,
    close: () => {
      for (const line of lines) line.close();
    },
  };
}

/** Twins of one slice are spread over all connections. */
function lineOf(index: number): number {
  return Math.floor(index / SLICES) % CONNECTIONS;
}

/** A PUBLISH packet with places to be written over, and where these are. */
type Packet = { bytes: Buffer; idAt: number; instantAt: number; valueAt: number };

const PUBLISH_QOS_1 = 0x32;
const PUBACK = 0x40;
const PUBACK_BYTES = 4;

function packetOf(twinId: string): Packet {
  const topic = Buffer.from(`twins/${twinId}/telemetry`);
  const before = '{"observedAt":"';
  const instant = new Date(0).toISOString();
  const between = '","values":{"value":';
  const payload = Buffer.from(`${before}${instant}${between}${VALUE_INSIDE}}}`);
  const length = 2 + topic.length + 2 + payload.length;
  const lengthBytes = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  const head = Buffer.from([PUBLISH_QOS_1, ...lengthBytes, topic.length >> 8, topic.length & 0xff]);
  const idAt = head.length + topic.length;
  const instantAt = idAt + 2 + before.length;
  const bytes = Buffer.concat([head, topic, Buffer.alloc(2), payload]);
  return { bytes, idAt, instantAt, valueAt: instantAt + instant.length + between.length };
}

/** One connection of the broker's. */
type Line = {
  add(packet: Packet, value: number, reading: number): void;
  flush(): void;
  close(): void;
};

async function openLine(
  mqttUrl: string,
  clientId: string,
  onBroken: (error: Error) => void,
  onAcknowledged: (reading: number) => void,
): Promise<Line> {
  const { hostname, port } = new URL(mqttUrl);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MS_MAX) });
  await signOn(socket, clientId);
  /** By packet id: the reading that is under way, plus one. */
  const underWay = new Int32Array(PACKET_IDS + 1);
  let packetId = 0;
  let portion: Buffer[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (; at + PUBACK_BYTES <= bytes.length; at += PUBACK_BYTES) {
      if (bytes[at] !== PUBACK) return void onBroken(new Error(`the broker sent ${bytes[at]}, which is no PUBACK`));
      const id = bytes.readUInt16BE(at + 2);
      onAcknowledged((underWay[id] ?? 0) - 1);
      underWay[id] = 0;
    }
    rest = bytes.subarray(at);
  });
  socket.on('error', onBroken);
  socket.on('close', () => {
    if (!isClosed) onBroken(new Error('the broker closed a connection'));
  });

  return {
    add({ bytes, idAt, instantAt, valueAt }, value, reading) {
      packetId = (packetId % PACKET_IDS) + 1;
      if (underWay[packetId] !== 0) throw new Error(`${PACKET_IDS} messages of a connection are not acknowledged`);
      underWay[packetId] = reading + 1;
      bytes.writeUInt16BE(packetId, idAt);
      bytes.write(new Date().toISOString(), instantAt, 'latin1');
      bytes.write(String(value), valueAt, 'latin1');
      portion.push(bytes);
    },
    flush() {
      // The copy lets the packets be written over while the socket still holds them.
      if (portion.length > 0) socket.write(Buffer.concat(portion));
      portion = [];
    },
    close() {
      isClosed = true;
      socket.destroy();
    },
  };
}

/** CONNECT (MQTT 3.1.1, clean session, no keep-alive) and its CONNACK. */
async function signOn(socket: Socket, clientId: string): Promise<void> {
  const body = [0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, clientId.length, ...Buffer.from(clientId)];
  socket.write(Buffer.from([0x10, body.length, ...body]));
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(CONNECT_MS_MAX) });
  if (!(answer instanceof Buffer) || answer[0] !== 0x20 || answer[3] !== 0) {
    throw new Error(`the broker refuses ${clientId}`);
  }
}
