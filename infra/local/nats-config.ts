import { deviceSubjects, instructionSubjects } from '@stratum/contracts/subjects.ts';

/** What the starter decides about a nats-server. */
export interface NatsConfig {
  serverName: string;
  port: number;
  /** Where JetStream keeps its streams; made when missing. */
  storeFolder: string;
  /** With a port, the server is the MQTT broker too. */
  mqttPort?: number;
  /** With others it is a cluster, in which a stream can have replicas: its own port for them, and the ports of all. */
  cluster?: { port: number; routePorts: readonly number[] };
  /** After this long the broker sends a QoS 1 message again that a subscriber has not acknowledged; 30 if left out. */
  mqttAckWaitSeconds?: number;
  /** How often JetStream syncs to disk; `always` is before every answer. Once a second if left out. */
  syncInterval?: '1s' | 'always';
}

/**
 * The server's configuration file. It listens on 127.0.0.1 only and syncs to disk once a second: killing the process
 * loses nothing that was acknowledged, a power cut at most the last second. To the server an MQTT topic is a subject like any
 * other; so that no device can write facts into the log, or delete it, whoever comes by MQTT may use the topics of devices alone.
 */
export function natsConfig(config: NatsConfig): string {
  const lines = [
    `server_name: ${JSON.stringify(config.serverName)}`,
    `listen: "127.0.0.1:${config.port}"`,
    `jetstream { store_dir: ${JSON.stringify(config.storeFolder)}, sync_interval: "${config.syncInterval ?? '1s'}" }`,
    ...(config.cluster === undefined ? [] : [clusterLine(config.cluster)]),
    ...(config.mqttPort === undefined ? [] : mqttLines(config.mqttPort, config.mqttAckWaitSeconds)),
  ];
  return `${lines.join('\n')}\n`;
}

/** Clients are not told of the other servers: they know those that they were given. */
function clusterLine({ port, routePorts }: { port: number; routePorts: readonly number[] }): string {
  const routes = JSON.stringify(routePorts.map((routePort) => `nats-route://127.0.0.1:${routePort}`));
  return `cluster { name: "stratum", listen: "127.0.0.1:${port}", routes: ${routes}, no_advertise: true }`;
}

/** What devices and shopfloors say and are told, and the topic by which a program finds out whose broker this is. */
const mqttSubjects = [...deviceSubjects, instructionSubjects, 'probe.*'];
/** On these the server itself hands over to an MQTT client what it has subscribed to with QoS 1 or 2. */
const mqttDelivery = ['$MQTT.sub.>', '$MQTT.deliver.>'];

function mqttLines(port: number, ackWaitSeconds: number | undefined): string[] {
  const ackWait = ackWaitSeconds === undefined ? '' : `, ack_wait: "${ackWaitSeconds}s"`;
  const publish = JSON.stringify(mqttSubjects);
  const subscribe = JSON.stringify([...mqttSubjects, ...mqttDelivery]);
  return [
    `mqtt { listen: "127.0.0.1:${port}"${ackWait}, no_auth_user: "device" }`,
    'authorization { users: [',
    '  { user: "program", allowed_connection_types: ["STANDARD"] }',
    `  { user: "device", allowed_connection_types: ["MQTT"], permissions: { publish: ${publish}, subscribe: ${subscribe} } }`,
    '] }',
    'no_auth_user: "program"',
  ];
}
