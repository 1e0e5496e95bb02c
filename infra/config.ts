import { z } from 'zod';

/** The settings of a program: one zod schema per environment variable, described by `.describe()`, defaulted by `.default()`. */
export type Settings = Record<string, z.ZodType>;

/** The environment does not say what the program needs. The message names each variable, one line each. */
export class BadConfiguration extends Error {
  constructor(lines: string[]) {
    super(['The configuration is not usable:', ...lines.map((line) => `  ${line}`)].join('\n'));
    this.name = 'BadConfiguration';
  }
}

/**
 * Reads settings from the environment. An empty variable counts as missing. Throws `BadConfiguration` naming every
 * variable that is wrong, never its value: it may be a secret.
 */
export function readSettings<S extends Settings>(
  settings: S,
  environment: Record<string, string | undefined>,
): { [Name in keyof S]: z.output<S[Name]> } {
  const given = Object.fromEntries(
    Object.keys(settings).map((name) => [name, environment[name] === '' ? undefined : environment[name]]),
  );
  const result = z.object(settings).safeParse(given);
  if (result.success) return result.data as { [Name in keyof S]: z.output<S[Name]> };
  throw new BadConfiguration(
    result.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const meaning = settings[name]?.description ?? '';
      const complaint = given[name] === undefined ? 'is missing' : issue.message;
      return `${name}: ${complaint}${meaning === '' ? '' : ` (${meaning})`}`;
    }),
  );
}

/** A TCP port to listen on. 0 lets the system choose. */
export const portSetting = z.coerce.number('must be a number').int().min(0).max(65_535);
/** `NATS_URL`, the same for every program. */
export const natsUrlSetting = z
  .string()
  .regex(/^(nats|tls|ws|wss):\/\/\S+$/, 'must look like nats://127.0.0.1:4222')
  .describe('where NATS with JetStream listens');
/** `MONGODB_URI`, the same for every program. */
export const mongodbUriSetting = z
  .string()
  .regex(/^mongodb(\+srv)?:\/\/\S+$/, 'must look like mongodb://127.0.0.1:27017/stratum')
  .describe(
    'the read models: any server that speaks the MongoDB protocol; the path names the database (stratum if none)',
  );
/** `MQTT_URL`, the same for every program. */
export const mqttUrlSetting = z
  .string()
  .regex(/^(mqtts?|wss?):\/\/\S+$/, 'must look like mqtt://127.0.0.1:1883')
  .describe('the broker that devices and shopfloors use');
/** `LOG_LEVEL`, the same for every program. */
export const logLevelSetting = z
  .enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'])
  .default('info')
  .describe('how much goes to the log on stderr');
