import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDatabase } from '../local/database.ts';
import { databasePart } from '../local/parts/database.ts';
import { freePorts } from '../local/ports.ts';
import { type Supervisor, supervise } from '../local/supervisor.ts';
import { recordServers, TEST_FOLDER_PREFIX } from '../testing/abandoned.ts';
import { startPlant, type TestPlant } from '../testing/plant.ts';
import { mountSmallDisk, type SmallDisk } from '../testing/small-disk.ts';
import { startLogServers } from './log-servers.ts';
import { layNetwork, type Network } from './network.ts';
import { type Copied, type SecondProcess, startSecond } from './second-process.ts';

/** Room for the log and the read models of several hundred rounds; only what is used takes memory. */
const DISK_MEGABYTES = { nats: 1_024, database: 2_048 };
/** The plant's own simulator reports once a second. */
const SPEED = '10';

/** Where a server listens, and how its clients get there. */
export type Networks = { nats: Network; mqtt: Network; database: Network };

/** A plant with servers, disks and networks that can all be made to fail. */
export type Site = AsyncDisposable & {
  plant: TestPlant;
  /** nats-server and the database, each started again when it ends, as the starter does it. */
  servers: Supervisor;
  /** Between the servers and everybody but the second processes. */
  networks: Networks;
  /** Between the API and the people who use it. */
  web: Network;
  /** Processes beside the plant's own that do the same work, each with networks of its own. */
  seconds: readonly SecondProcess[];
  /** Disks that can be filled, by the name of the server that writes to them. */
  disks: ReadonlyMap<string, SmallDisk>;
  /** Why there are no disks that can be filled, if so. */
  noDisks: string | undefined;
  /** Addresses to look at servers directly, whatever the networks do; those of several nats-servers with commas between. */
  direct: { nats: string; mongodb: string };
};

export type SiteOptions = {
  /** Holds data and logs of everything. */
  dataFolder: string;
  /** Of which programs a second process runs. */
  copies: readonly Copied[];
  /** How many nats-servers keep the log, each a copy of all of it. */
  replicas: 1 | 3;
};

/** Starts the servers on small disks, lays networks before them, and starts a plant that knows the servers by these only. */
export async function openSite({ dataFolder, copies, replicas }: SiteOptions): Promise<Site> {
  await using building = new AsyncDisposableStack();
  const disks = new Map<string, SmallDisk>();
  const folders = { nats: join(dataFolder, 'nats'), database: join(dataFolder, 'database') };
  let noDisks: string | undefined;
  for (const [name, folder] of Object.entries(folders)) {
    await mkdir(folder, { recursive: true });
    const disk = await mountSmallDisk(folder, DISK_MEGABYTES[name as keyof typeof folders]);
    if ('reason' in disk) noDisks = disk.reason;
    else disks.set(name, building.use(disk));
  }

  const servers = await superviseServers(dataFolder, building);
  const ports = await freePorts('database', 'postgres');
  const [log, database] = await Promise.all([
    startLogServers(servers, folders.nats, replicas),
    databasePart().then((part) =>
      startDatabase(servers, part, { folder: folders.database, port: ports.database, postgresPort: ports.postgres }),
    ),
  ]);
  const lay = async (): Promise<Networks> => ({
    nats: building.use(await layNetwork(...log.natsPorts)),
    mqtt: building.use(await layNetwork(...log.mqttPorts)),
    database: building.use(await layNetwork(ports.database)),
  });
  const addresses = ({ nats, mqtt, database: toDatabase }: Networks) => ({
    STREAM_REPLICAS: String(replicas),
    NATS_URL: `nats://127.0.0.1:${nats.port}`,
    MQTT_URL: `mqtt://127.0.0.1:${mqtt.port}`,
    MONGODB_URI: database.uri.replace(`:${ports.database}/`, `:${toDatabase.port}/`),
  });

  const networks = await lay();
  const plant = building.use(await startPlant({ dataFolder, environment: { SPEED, ...addresses(networks) } }));
  const web = building.use(await layNetwork(Number(new URL(plant.urls.web).port)));
  const seconds: SecondProcess[] = [];
  for (const copied of copies) {
    const own = await lay();
    seconds.push(building.use(await startSecond(copied, { dataFolder, networks: own, environment: addresses(own) })));
  }
  const all = building.move();
  return {
    ...{ plant, servers, networks, web, seconds, disks, noDisks },
    direct: { nats: log.natsPorts.map((port) => `nats://127.0.0.1:${port}`).join(','), mongodb: database.uri },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Whoever comes next ends what a killed run left behind. */
async function superviseServers(dataFolder: string, building: AsyncDisposableStack): Promise<Supervisor> {
  const recordFolder = await mkdtemp(join(tmpdir(), `${TEST_FOLDER_PREFIX}chaos-`));
  building.defer(() => rm(recordFolder, { recursive: true, force: true }));
  const servers = supervise({
    logFolder: join(dataFolder, 'logs'),
    onChange: (children) => recordServers(recordFolder, children),
  });
  building.defer(() => servers.stop());
  return servers;
}
