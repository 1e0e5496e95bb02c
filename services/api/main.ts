import { readSettings } from '@stratum/infra/config.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { bucket, ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { answersIn } from '@stratum/infra/http/idempotency.ts';
import { openLog } from '@stratum/infra/log.ts';
import { persist } from '@stratum/infra/persist.ts';
import { openDatabase } from '@stratum/infra/projector/database.ts';
import { openReadModels } from '@stratum/infra/projector/read-models.ts';
import { armShutdown, runMain } from '@stratum/infra/shutdown.ts';
import { all as projections } from '@stratum/projections/all.ts';
import { openCredentials } from '../account/credentials.ts';
import { openSessions } from '../account/sessions.ts';
import { openApi } from './app.ts';
import { apiSettings, WEB_FOLDER_DEFAULT } from './settings.ts';

/** After a signal, requests under way are answered and the process ends, within this time. */
const STOP_MS_MAX = 4_000;

/**
 * Serves HTTP until SIGTERM or SIGINT. Waits for NATS and the database as long as it takes, also when they go away later
 * (requests get 503 meanwhile). Prints `{"ready":true,"url":…}` on stdout when it listens.
 */
await runMain(async () => {
  const settings = readSettings(apiSettings, process.env);
  const logger = openLog('api', settings.LOG_LEVEL);
  const shutdown = armShutdown(logger, STOP_MS_MAX);
  const patience = { logger, signal: shutdown.signal };
  const now = () => new Date();

  const nc = await persist('NATS', () => connectNats(settings.NATS_URL, { name: 'api' }), patience);
  shutdown.defer('NATS', () => nc.close());
  await persist('streams', () => ensureStreams(nc), patience);
  const opened = await persist('database', () => openDatabase(settings.MONGODB_URI, 'api'), patience);
  shutdown.defer('database', () => opened[Symbol.asyncDispose]());
  const readModels = openReadModels(opened.database, nc, projections);
  shutdown.defer('read models', () => readModels[Symbol.dispose]());
  const store = openStore(nc);
  shutdown.defer('store', () => store[Symbol.asyncDispose]());

  const app = await openApi(
    {
      logger,
      jwtSecret: settings.JWT_SECRET,
      answers: answersIn(await bucket(nc, 'idempotency')),
      webFolder: settings.WEB_DIR ?? WEB_FOLDER_DEFAULT,
      ...(settings.TRUST_PROXY === undefined ? {} : { trustProxy: settings.TRUST_PROXY }),
    },
    {
      nc,
      store,
      readModels,
      database: opened.database,
      now,
      logger,
      credentials: openCredentials(await bucket(nc, 'accounts')),
      sessions: openSessions(await bucket(nc, 'sessions'), now),
      bcryptCost: settings.BCRYPT_COST,
      port: settings.PORT,
    },
  );
  const url = await app.listen({ port: settings.PORT, host: settings.HOST });
  shutdown.defer('HTTP', () => app.close());
  process.stdout.write(`${JSON.stringify({ ready: true, name: 'api', url })}\n`);
  await shutdown.stopped;
});
