import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CannotStart } from './cannot-start.ts';
import type { ChildSpec } from './child.ts';
import { answersPing, startDatabase } from './database.ts';
import { requireDiskSpace } from './disk.ts';
import { startNats } from './nats.ts';
import { databasePart } from './parts/database.ts';
import { natsServer } from './parts/nats-server.ts';
import { answersTcp, freePorts, requireFree } from './ports.ts';
import { productChildren } from './product.ts';
import { step } from './progress.ts';
import { keptSecret } from './secret.ts';
import type { StartSettings } from './settings.ts';
import type { Supervisor } from './supervisor.ts';
import { buildWeb, viteCommand } from './web-build.ts';

const DATA_BYTES_MIN = 300 * 1024 * 1024;
const READY_MS_MAX = 60_000;
const JWT_SECRET_BYTES = 32;
const PASSWORD_BYTES = 9;
const TIER_PRODUCT = 3;

/** The addresses of a plant that runs. */
export interface PlantUrls {
  web: string;
  mqtt: string;
  nats: string;
  mongodb: string;
}

export interface RunningPlant {
  urls: PlantUrls;
  /** The pages with hot reload, in development. */
  devUrl: string | null;
  demoPassword: string;
}

export interface PlantOptions {
  /** The folder of this clone. */
  root: string;
  isDev: boolean;
  supervisor: Supervisor;
}

/**
 * Starts every part of the plant as children of the supervisor, and resolves when all are ready.
 * @throws CannotStart before anything was started when a port is taken, a server of the person's own does not answer,
 *   or the disk is full; later when a part cannot be had or started (the caller then stops the supervisor)
 */
export async function startPlant(settings: StartSettings, options: PlantOptions): Promise<RunningPlant> {
  const { root, isDev, supervisor } = options;
  await requireDiskSpace(settings.dataFolder, DATA_BYTES_MIN);
  await requireOwnServers(settings);
  const ports = await choosePorts(settings);
  const secrets = keptSecrets(settings);
  const [natsUrl, mongodb, devUrl] = await Promise.all([
    settings.natsUrl ?? startOwnNats(settings, ports, supervisor),
    settings.mongodbUri ?? startOwnDatabase(settings, ports, supervisor),
    isDev ? startVite(root, ports, supervisor) : buildWeb(root).then(() => null),
  ]);
  const urls: PlantUrls = {
    web: `http://127.0.0.1:${ports.web}`,
    mqtt: settings.mqttUrl ?? `mqtt://127.0.0.1:${ports.mqtt}`,
    nats: natsUrl,
    mongodb,
  };
  const environment = {
    NATS_URL: urls.nats,
    MONGODB_URI: urls.mongodb,
    MQTT_URL: urls.mqtt,
    PORT: String(ports.web),
    DATA_DIR: settings.dataFolder,
    SPEED: String(settings.speed),
    DEMO_PASSWORD: secrets.demoPassword,
    JWT_SECRET: secrets.jwtSecret,
    LOG_LEVEL: settings.logLevel,
  };
  for (const group of productChildren({ root, isWatched: isDev, environment }))
    await Promise.all(group.map((child) => step(`${child.name}: started`, () => supervisor.start(child))));
  return { urls, devUrl, demoPassword: secrets.demoPassword };
}

interface Ports {
  web: number;
  mqtt: number;
  nats: number;
  database: number;
  postgres: number;
  vite: number;
}

/** The two ports that people know are theirs to choose; all others are picked free. */
async function choosePorts(settings: StartSettings): Promise<Ports> {
  if (settings.port !== 0) await requireFree(settings.port, 'PORT');
  if (settings.mqttPort !== 0 && settings.mqttUrl === null) await requireFree(settings.mqttPort, 'MQTT_PORT');
  const free = await freePorts('web', 'mqtt', 'nats', 'database', 'postgres', 'vite');
  return { ...free, web: settings.port || free.web, mqtt: settings.mqttPort || free.mqtt };
}

async function requireOwnServers(settings: StartSettings): Promise<void> {
  const { natsUrl, mqttUrl, mongodbUri } = settings;
  await Promise.all([
    natsUrl === null || requireAnswer('NATS_URL', () => answersTcp(natsUrl)),
    mqttUrl === null || requireAnswer('MQTT_URL', () => answersTcp(mqttUrl)),
    mongodbUri === null || requireAnswer('MONGODB_URI', () => answersPing(mongodbUri)),
  ]);
}

async function requireAnswer(variable: string, answers: () => Promise<boolean>): Promise<void> {
  if (!(await answers()))
    throw new CannotStart(`The server that ${variable} names does not answer: start it, or leave ${variable} out.`);
}

/** Made at the first start, kept after that; a password from the environment is used but not kept. */
function keptSecrets(settings: StartSettings): { jwtSecret: string; demoPassword: string } {
  const make = (bytes: number) => () => randomBytes(bytes).toString('base64url');
  return {
    jwtSecret: keptSecret(join(settings.dataFolder, 'jwt-secret'), make(JWT_SECRET_BYTES)),
    demoPassword: settings.demoPassword ?? keptSecret(join(settings.dataFolder, 'demo-password'), make(PASSWORD_BYTES)),
  };
}

async function startOwnNats(settings: StartSettings, ports: Ports, supervisor: Supervisor): Promise<string> {
  const binary = await natsServer();
  const mqtt = settings.mqttUrl === null ? { mqttPort: ports.mqtt } : {};
  const place = { folder: join(settings.dataFolder, 'nats'), port: ports.nats, ...mqtt };
  return step('NATS: started', () => startNats(supervisor, binary, place));
}

async function startOwnDatabase(settings: StartSettings, ports: Ports, supervisor: Supervisor): Promise<string> {
  const part = await databasePart();
  const place = { folder: join(settings.dataFolder, 'database'), port: ports.database, postgresPort: ports.postgres };
  const what = part.kind === 'mongod' ? 'mongod' : 'FerretDB on PostgreSQL';
  const database = await step(`database (${what}): started`, () => startDatabase(supervisor, part, place));
  return database.uri;
}

/** Vite's own server: pages change in the browser as they are saved; it passes `/api` on. */
async function startVite(root: string, ports: Ports, supervisor: Supervisor): Promise<string> {
  const child: ChildSpec = {
    name: 'vite',
    command: process.execPath,
    args: [viteCommand(root), 'web', '--port', String(ports.vite), '--strictPort', '--clearScreen', 'false'],
    environment: { PORT: String(ports.web) },
    folder: root,
    ready: /ready in/,
    readyMsMax: READY_MS_MAX,
    stopSignal: 'SIGTERM',
    stopMsMax: 2_000,
    tier: TIER_PRODUCT,
  };
  await step('pages: served with hot reload', () => supervisor.start(child));
  return `http://127.0.0.1:${ports.vite}`;
}
