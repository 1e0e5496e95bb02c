import { readSettings } from '@stratum/infra/config.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { answerHealth } from '@stratum/infra/health.ts';
import { openLog } from '@stratum/infra/log.ts';
import { persist } from '@stratum/infra/persist.ts';
import { openDatabase } from '@stratum/infra/projector/database.ts';
import { holder } from '@stratum/infra/projector/leadership.ts';
import { runProjector } from '@stratum/infra/projector/projector.ts';
import { takeRebuildWishes } from '@stratum/infra/projector/rebuild-desk.ts';
import { armShutdown, runMain } from '@stratum/infra/shutdown.ts';
import { all } from './all.ts';
import { projectionsSettings } from './settings.ts';

/** After a signal, what is folded is written and the process ends, within this time. */
const STOP_MS_MAX = 5_000;

/**
 * Folds the logs into every read model that no other process builds, stands by for the others, and rebuilds them for
 * comparison when an auditor wishes, until SIGTERM or SIGINT. Waits for NATS and the database as long as it takes.
 * Prints `{"ready":true,…}` on stdout when it has begun.
 */
await runMain(async () => {
  const { NATS_URL, MONGODB_URI, LOG_LEVEL } = readSettings(projectionsSettings, process.env);
  const logger = openLog('projections', LOG_LEVEL);
  const shutdown = armShutdown(logger, STOP_MS_MAX);

  const { signal } = shutdown;
  const patience = { logger, signal };

  const nc = await persist('NATS', () => connectNats(NATS_URL, { name: 'projections' }), patience);
  shutdown.defer('NATS', () => nc.close());
  await persist('streams', () => ensureStreams(nc), patience);
  const opened = await persist('database', () => openDatabase(MONGODB_URI, 'projections'), patience);
  shutdown.defer('database', () => opened[Symbol.asyncDispose]());

  const deps = { projections: all, nc, database: opened.database, signal, logger };
  const projector = runProjector(deps);
  shutdown.defer('projector', () => projector.stopped);
  const rebuilds = takeRebuildWishes(deps);
  shutdown.defer('rebuilds', () => rebuilds.stopped);
  answerHealth(nc, { program: 'projections', process: holder }, projector.health);
  await Promise.race([projector.ready, shutdown.stopped]);
  if (!signal.aborted) {
    const ready = { ready: true, name: 'projections', id: holder, projections: all.length };
    process.stdout.write(`${JSON.stringify(ready)}\n`);
  }
  await shutdown.stopped;
});
