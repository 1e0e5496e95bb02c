import { z } from 'zod';
import { plainMessage } from './http/field-errors.ts';

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
  const result = z.object(settings).safeParse(given, { error: plainMessage });
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
export const portSetting = z.coerce.number().int().min(0).max(65_535);
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

/** `TELEMETRY_MAX_AGE_DAYS`, for every program that makes the streams when they are missing. */
export const retentionSetting = {
  TELEMETRY_MAX_AGE_DAYS: z.coerce
    .number()
    .positive('must be above 0')
    .default(90)
    .describe('how long readings are kept; hour and day documents of the history stay'),
};

/** One variable as a table tells it. */
export type SettingInWords = { name: string; isRequired: boolean; defaultValue: string | undefined; meaning: string };

/** Says of each setting whether it is required, what it is otherwise, and what it means. */
export function settingsInWords(settings: Settings): SettingInWords[] {
  return Object.entries(settings).map(([name, schema]) => {
    const whenMissing = schema.safeParse(undefined);
    const isRequired = !whenMissing.success;
    const defaultValue = whenMissing.success && whenMissing.data !== undefined ? String(whenMissing.data) : undefined;
    return { name, isRequired, defaultValue, meaning: schema.description ?? '' };
  });
}
