import { passwordSchema } from '@stratum/contracts/account/account.ts';
import { logLevelSetting, mqttUrlSetting, natsUrlSetting } from '@stratum/infra/config.ts';
import { z } from 'zod';
import { apiSettings } from '../api/settings.ts';

/** What the worker takes from the environment. */
export const workerSettings = {
  NATS_URL: natsUrlSetting,
  MQTT_URL: mqttUrlSetting,
  MQTT_BRIDGE: z
    .enum(['auto', 'on', 'off'])
    .default('auto')
    .describe('whether messages of that broker must be carried into NATS: `auto` finds out whether it is NATS itself'),
  DEMO_PASSWORD: passwordSchema.optional().describe('password of the demo accounts; without it there are none'),
  BCRYPT_COST: apiSettings.BCRYPT_COST,
  LOG_LEVEL: logLevelSetting,
};
