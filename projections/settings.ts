import { logLevelSetting, mongodbUriSetting, natsUrlSetting } from '@stratum/infra/config.ts';

/** What the projections take from the environment. */
export const projectionsSettings = {
  NATS_URL: natsUrlSetting,
  MONGODB_URI: mongodbUriSetting,
  LOG_LEVEL: logLevelSetting,
};
