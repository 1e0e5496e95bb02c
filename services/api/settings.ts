import { fileURLToPath } from 'node:url';
import { logLevelSetting, mongodbUriSetting, natsUrlSetting, portSetting } from '@stratum/infra/config.ts';
import { z } from 'zod';

/** A secret shorter than this could be guessed. */
const SECRET_LENGTH_MIN = 32;

/** What the API takes from the environment. */
export const apiSettings = {
  NATS_URL: natsUrlSetting,
  MONGODB_URI: mongodbUriSetting,
  PORT: portSetting.default(8080).describe('where HTTP is served; 0 lets the system choose'),
  HOST: z.string().min(1).default('127.0.0.1').describe('the address to listen on; `0.0.0.0` for all'),
  JWT_SECRET: z
    .string()
    .min(SECRET_LENGTH_MIN, `must have at least ${SECRET_LENGTH_MIN} characters`)
    .describe('signs access tokens; the same for every API process'),
  BCRYPT_COST: z.coerce
    .number()
    .int()
    .min(4)
    .max(16)
    .default(12)
    .describe('work per password hash, 2^n rounds; below 10 for tests only'),
  WEB_DIR: z
    .string()
    .min(1)
    .optional()
    .describe('folder of the built web page; `web/dist` if not set, no page if it is not there'),
  TRUST_PROXY: z
    .string()
    .min(1)
    .optional()
    .describe('addresses of reverse proxies whose `x-forwarded-*` headers are believed, separated by commas'),
  LOG_LEVEL: logLevelSetting,
};

/** Where the web page is built to. */
export const WEB_FOLDER_DEFAULT = fileURLToPath(new URL('../../web/dist', import.meta.url));
