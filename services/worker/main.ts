import { randomUUID } from 'node:crypto';
import { readSettings } from '@stratum/infra/config.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { bucket, ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { answerHealth } from '@stratum/infra/health.ts';
import { openLeadership } from '@stratum/infra/leadership/leadership.ts';
import { openLog } from '@stratum/infra/log.ts';
import { persist } from '@stratum/infra/persist.ts';
import { armShutdown, runMain } from '@stratum/infra/shutdown.ts';
import { openCredentials } from '../account/credentials.ts';
import { seedAccounts } from '../account/seed.ts';
import { seedShopfloors } from '../shopfloor/seed.ts';
import { seedTwins } from '../twin/seed.ts';
import type { WorkerDeps } from './deps.ts';
import { keepRunning } from './keep-running.ts';
import { parts } from './parts.ts';
import { workerSettings } from './settings.ts';

/** After a signal, what is under way is finished and the process ends, within this time. */
const STOP_MS_MAX = 4_000;

/**
 * Runs every reactor and gateway that this worker leads, and is ready for the others, until SIGTERM or SIGINT. Waits for NATS as long as it takes, also when it goes away
 * later. Prints `{"ready":true}` on stdout when the seeds are sown and all parts have begun.
 */
await runMain(async () => {
  const settings = readSettings(workerSettings, process.env);
  const logger = openLog('worker', settings.LOG_LEVEL);
  const shutdown = armShutdown(logger, STOP_MS_MAX);
  const patience = { logger, signal: shutdown.signal };
  const now = () => new Date();

  const nc = await persist('NATS', () => connectNats(settings.NATS_URL, { name: 'worker' }), patience);
  shutdown.defer('NATS', () => nc.close());
  await persist('streams', () => ensureStreams(nc), patience);
  const store = openStore(nc);
  shutdown.defer('store', () => store[Symbol.asyncDispose]());

  await persist('twins', () => seedTwins({ store, now }), patience);
  await persist('shopfloors', () => seedShopfloors({ store, now }), patience);
  const { DEMO_PASSWORD: password, BCRYPT_COST: bcryptCost } = settings;
  if (password !== undefined) {
    const credentials = openCredentials(await bucket(nc, 'accounts'));
    await persist('demo accounts', () => seedAccounts({ store, credentials, password, bcryptCost, now }), patience);
  }

  const config = { mqttUrl: settings.MQTT_URL, mqttIsForeign: settings.MQTT_BRIDGE === 'on' };
  const deps: WorkerDeps = { nc, store, now, logger, signal: shutdown.signal, config };
  const starters = parts(settings.MQTT_BRIDGE);
  const self = { program: 'worker', id: `worker-${randomUUID().slice(0, 8)}` };
  const leadership = openLeadership(nc, { ...self, tasks: Object.keys(starters), signal: shutdown.signal, logger });
  shutdown.defer('leadership', () => leadership.close());
  const kept = Object.entries(starters).map(([name, start]) => keepRunning(name, start, deps, leadership));
  shutdown.defer('parts', async () => {
    await Promise.all(kept.map(({ ended }) => ended));
  });
  answerHealth(nc, { program: self.program, process: self.id }, () =>
    Object.fromEntries(kept.map(({ name, health }) => [`worker/${name}`, health()])),
  );
  await Promise.all(kept.map(({ begun }) => begun));
  process.stdout.write(`${JSON.stringify({ ready: true, name: 'worker', id: self.id, parts: kept.length })}\n`);
  await shutdown.stopped;
});
