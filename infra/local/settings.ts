import { join, resolve } from 'node:path';
import { CannotStart } from './cannot-start.ts';
import { parsePort } from './ports.ts';

const PORT = 8080;
const MQTT_PORT = 1883;
const SPEED_MAX = 3600;

/** What a person may choose about `make run`, from the environment. */
export interface StartSettings {
  /** Everything that stays between two starts. */
  dataFolder: string;
  /** The web port; 0 picks a free one. */
  port: number;
  /** Where MQTT devices connect; 0 picks a free one. */
  mqttPort: number;
  /** Servers of the person's own, used instead of starting one. */
  natsUrl: string | null;
  mongodbUri: string | null;
  mqttUrl: string | null;
  /** How many times faster the simulated plant ages. */
  speed: number;
  /** For the demo accounts; null makes one at the first start. */
  demoPassword: string | null;
  logLevel: string;
}

type Environment = Record<string, string | undefined>;

/**
 * Reads the settings; an empty variable counts as unset.
 * @param root the folder of this clone, in which `.data` is the default data folder
 * @throws CannotStart that names the variable which is wrong
 */
export function readStartSettings(environment: Environment, root: string): StartSettings {
  const own = (name: string) => environment[name] || null;
  const settings: StartSettings = {
    dataFolder: resolve(root, own('DATA_DIR') ?? '.data'),
    port: parsePort(environment.PORT, 'PORT', PORT),
    mqttPort: parsePort(environment.MQTT_PORT, 'MQTT_PORT', MQTT_PORT),
    natsUrl: ownUrl('NATS_URL', own('NATS_URL'), /^(nats|tls|ws|wss):\/\/\S+$/, 'nats://host:4222'),
    mongodbUri: ownUrl('MONGODB_URI', own('MONGODB_URI'), /^mongodb(\+srv)?:\/\/\S+$/, 'mongodb://host:27017/stratum'),
    mqttUrl: ownUrl('MQTT_URL', own('MQTT_URL'), /^(mqtts?|wss?):\/\/\S+$/, 'mqtt://host:1883'),
    speed: parseSpeed(environment.SPEED),
    demoPassword: own('DEMO_PASSWORD'),
    logLevel: own('LOG_LEVEL') ?? 'info',
  };
  if (settings.natsUrl !== null && settings.mqttUrl === null)
    throw new CannotStart(
      'NATS_URL is set, so MQTT_URL must say where devices connect: the MQTT listener of that NATS server, or another broker.',
    );
  if (settings.port !== 0 && settings.port === settings.mqttPort)
    throw new CannotStart(`PORT and MQTT_PORT are both ${settings.port}: choose two different ports.`);
  return settings;
}

/** Marks a folder as Stratum's data, so that nothing else is ever deleted. */
export const DATA_MARK = '.stratum';

/** The file that says what runs from a data folder. */
export function runFileIn(dataFolder: string): string {
  return join(dataFolder, 'run.json');
}

function ownUrl(variable: string, value: string | null, shape: RegExp, example: string): string | null {
  if (value === null || shape.test(value)) return value;
  throw new CannotStart(`${variable} must look like ${example}.`);
}

function parseSpeed(text: string | undefined): number {
  if (text === undefined || text === '') return 1;
  const speed = Number(text);
  if (speed > 0 && speed <= SPEED_MAX) return speed;
  throw new CannotStart(`SPEED must be a number above 0 and at most ${SPEED_MAX}, not "${text}".`);
}
