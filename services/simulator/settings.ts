import { logLevelSetting, mqttUrlSetting, natsUrlSetting, portSetting } from '@stratum/infra/config.ts';
import { z } from 'zod';

/** What the simulator takes from the environment. */
export const simulatorSettings = {
  NATS_URL: natsUrlSetting,
  MQTT_URL: mqttUrlSetting,
  DATA_DIR: z.string().min(1).default('.data').describe('the simulator keeps what it remembers below this folder'),
  SPEED: z.coerce
    .number('must be a number')
    .positive('must be above 0')
    .max(600, 'must be at most 600')
    .default(1)
    .describe('how many times faster than the clock the plant lives; timestamps stay true'),
  SIMULATOR_SEED: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .default(7)
    .describe('the same seed makes the same signals, faults and orders'),
  PORT: portSetting.default(8080).describe('where the API listens, unless API_URL says otherwise'),
  API_URL: z
    .url('must look like http://127.0.0.1:8080')
    .optional()
    .describe('the API, where orders are placed; `http://127.0.0.1:<PORT>` if not set'),
  DEMO_PASSWORD: z
    .string()
    .min(1)
    .optional()
    .describe('password of the demo accounts; without it nobody places orders or acknowledges'),
  LOG_LEVEL: logLevelSetting,
};
