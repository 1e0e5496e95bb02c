import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSettings } from '@stratum/infra/config.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { type Logger, openLog } from '@stratum/infra/log.ts';
import { persist } from '@stratum/infra/persist.ts';
import { armShutdown, runMain, type Shutdown } from '@stratum/infra/shutdown.ts';
import { apiAs } from './api.gateway.ts';
import { connectBroker, endBroker } from './broker.gateway.ts';
import { devicesOn } from './devices.gateway.ts';
import { keep } from './keep.gateway.ts';
import { beginLife, live } from './life.gateway.ts';
import { lifeSchema } from './life.ts';
import { keepWatch } from './operator.gateway.ts';
import { deskSchema, placeOrders } from './order-desk.gateway.ts';
import { simulatorSettings } from './settings.ts';
import { openShopfloors, type Shopfloors } from './shopfloors.gateway.ts';
import { openTruth } from './truth.gateway.ts';

/** After a signal the process ends within this time. */
const STOP_MS_MAX = 4_000;
/** When the API stayed away for minutes, its people try again after this time. */
const AGAIN_MS = 60_000;
/** The demo accounts that the simulated people use. */
const ERP_OWNER = 'erp@stratum.local';
const OPERATOR = 'operator@stratum.local';

type Simulation = { settings: ReturnType<typeof settingsOf>; folder: string; logger: Logger; shutdown: Shutdown };

/**
 * A plant to look at: eight machines with faults of which the truth is kept, three shopfloors, somebody who places orders.
 * It talks to Stratum as real ones would, over MQTT and HTTP; only the day before a first start goes straight into NATS.
 * Prints `{"ready":true}` when that day is stored and the devices report.
 */
await runMain(async () => {
  const settings = settingsOf(process.env);
  const logger = openLog('simulator', settings.LOG_LEVEL);
  const shutdown = armShutdown(logger, STOP_MS_MAX);
  const folder = join(settings.DATA_DIR, 'simulator');
  try {
    await simulate({ settings, folder, logger, shutdown });
  } catch (error) {
    if (!shutdown.signal.aborted) throw error;
  }
  await shutdown.stopped;
});

function settingsOf(environment: NodeJS.ProcessEnv) {
  return readSettings(simulatorSettings, environment);
}

async function simulate(simulation: Simulation): Promise<void> {
  const { settings, folder, logger, shutdown } = simulation;
  const { MQTT_URL: mqttUrl, SPEED: speed, SIMULATOR_SEED: seed } = settings;
  const { signal } = shutdown;
  const kept = keep(join(folder, 'life.json'), lifeSchema);
  const truth = openTruth(join(folder, 'truth.ndjson'));

  const nc = await persist('NATS', () => connectNats(settings.NATS_URL, { name: 'simulator' }), { logger, signal });
  shutdown.defer('NATS', () => nc.close());
  const beginning = persist('life', () => beginLife({ nc, kept, truth, seed, signal, logger }), { logger, signal });
  shutdown.defer('beginning', async () => {
    await Promise.allSettled([beginning]);
  });
  const life = await beginning;
  const { plantId } = life;

  const connect = (name: string) => connectBroker(mqttUrl, `stratum-simulator-${plantId}-${name}`, logger);
  const shopfloors = await openShopfloors({ connect, folder, plantId, seed, speed, logger });
  shutdown.defer('shopfloors', () => shopfloors.end());
  const client = connect('devices');
  shutdown.defer('devices', () => endBroker(client));
  const living = live(life, { devices: devicesOn(client, logger), kept, truth, speed, signal });
  living.catch((error: unknown) => shutdown.stop(String(error), 1));
  shutdown.defer('life', () => living);

  if (settings.DEMO_PASSWORD === undefined) logger.warn('DEMO_PASSWORD is not set: no people are simulated');
  else startPeople(simulation, settings.DEMO_PASSWORD, plantId, shopfloors);
  process.stdout.write(`${JSON.stringify({ ready: true, name: 'simulator' })}\n`);
}

/** Somebody who places orders and an operator on shift; they go home with the signal. */
function startPeople(simulation: Simulation, password: string, plantId: string, shopfloors: Shopfloors): void {
  const { settings, folder, logger, shutdown } = simulation;
  const { signal } = shutdown;
  const { SIMULATOR_SEED: seed, SPEED: speed } = settings;
  const apiUrl = settings.API_URL ?? `http://127.0.0.1:${settings.PORT}`;
  const apiOf = (email: string) => apiAs({ apiUrl, email, password, signal });
  const kept = keep(join(folder, 'orders.json'), deskSchema);
  const desk = { api: apiOf(ERP_OWNER), kept, plantId, seed, speed, shopfloors, logger, signal };
  void again('orders cannot be placed just now', () => placeOrders(desk), simulation);
  const operator = apiOf(OPERATOR);
  void again('alerts cannot be acknowledged just now', () => keepWatch(operator, signal), simulation);
}

async function again(trouble: string, task: () => Promise<void>, { logger, shutdown }: Simulation): Promise<void> {
  const { signal } = shutdown;
  while (!signal.aborted) {
    await task().catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ error: String(error) }, trouble);
    });
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}
