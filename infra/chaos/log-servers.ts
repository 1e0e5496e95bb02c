import { join } from 'node:path';
import { startNats } from '../local/nats.ts';
import { natsServer } from '../local/parts/nats-server.ts';
import { freePorts } from '../local/ports.ts';
import type { Supervisor } from '../local/supervisor.ts';

/** Where nats-servers listen, on 127.0.0.1; any of them will do. */
export type LogServers = { natsPorts: number[]; mqttPorts: number[] };

/** Starts `nats`, or the cluster of `nats-1`, `nats-2` and `nats-3`, as children of the supervisor. */
export async function startLogServers(servers: Supervisor, folder: string, replicas: 1 | 3): Promise<LogServers> {
  const binary = await natsServer();
  const names = replicas === 1 ? ['nats'] : ['nats-1', 'nats-2', 'nats-3'];
  const places = await Promise.all(
    names.map(async (name) => ({
      name,
      folder: join(folder, name),
      ...(await freePorts('port', 'mqttPort', 'route')),
    })),
  );
  const routePorts = places.map(({ route }) => route);
  await Promise.all(
    places.map(({ route, ...place }) =>
      startNats(servers, binary, { ...place, ...(replicas === 1 ? {} : { cluster: { port: route, routePorts } }) }),
    ),
  );
  return { natsPorts: places.map(({ port }) => port), mqttPorts: places.map(({ mqttPort }) => mqttPort) };
}
