import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import { positionOf } from '@stratum/contracts/envelope.ts';
import type { Db } from 'mongodb';
import { alertsRoutes } from '../../projections/alerts/alerts.routes.ts';
import { all } from '../../projections/all.ts';
import { ordersRoutes } from '../../projections/orders/orders.routes.ts';
import { workRoutes } from '../../projections/orders/work.routes.ts';
import { productionRoutes } from '../../projections/production-days/production-days.routes.ts';
import { reportsRoutes } from '../../projections/reports/reports.routes.ts';
import { shopfloorsRoutes } from '../../projections/shopfloors/shopfloors.routes.ts';
import { twinStateRoutes } from '../../projections/twin-state/twin-state.routes.ts';
import { connectNats } from '../event-store/connection.ts';
import { openStore } from '../event-store/store.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { createApp, mount } from '../http/app.ts';
import type { App } from '../http/routes.ts';
import { startDatabase } from '../local/database.ts';
import { databasePart } from '../local/parts/database.ts';
import { freePorts } from '../local/ports.ts';
import { supervise } from '../local/supervisor.ts';
import { openLog } from '../log.ts';
import { openDatabase } from '../projector/database.ts';
import type { AnyProjection } from '../projector/projection.ts';
import { runProjector } from '../projector/projector.ts';
import { openReadModels } from '../projector/read-models.ts';
import { SNAPSHOT_EVERY, versionsNameOf } from '../projector/versions.ts';
import { withDatabaseName } from '../testing/mongo.ts';
import { startNats } from '../testing/nats.ts';
import { atMost, type Findings, packageVersion } from './figures.ts';
import { durationMs, median, quantile } from './measure.ts';
import { dice, plantLife, writePlantLog } from './plant-life.ts';

const EVENTS = Number(process.env.EVENTS ?? 1_000_000);
/** The price of snapshots is measured on so many events, with and without them in turn. */
const PRICE_EVENTS = Number(process.env.PRICE_EVENTS ?? 60_000);
const PRICE_ROUNDS = Number(process.env.ROUNDS ?? 2);
/** Questions about random positions, of each kind. */
const QUESTIONS = Number(process.env.QUESTIONS ?? 100);
const P95_MS_MAX = 150;
const CATCH_UP_MS_MAX = 3_600_000;
/** No log of a bench is as long. */
const NEVER = 2 ** 40;
const JWT_SECRET = 'a secret of the benchmark, at least 32 characters';

const ofPlant = all.filter(({ stream }) => stream === 'PLANT');

/** What questions about the past cost beside the same questions about now, at a million plant events. */
export async function benchAsOf(): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-'));
  const supervisor = supervise({ logFolder: join(folder, 'logs'), onEvent: console.error, onChange: () => undefined });
  try {
    const ports = await freePorts('port', 'postgresPort');
    const server = await startDatabase(supervisor, await databasePart(), { folder, ...ports });
    await using nats = await startNats();
    const nc = await connectNats(nats.url, { name: 'bench' });
    await ensureStreams(nc);
    const life = plantLife();
    await writePlantLog(nc, life, PRICE_EVENTS);
    const price = await priceOfSnapshots(nc, server.uri);
    const writingMs = await durationMs(() => writePlantLog(nc, life, EVENTS - PRICE_EVENTS));
    console.log(
      `${EVENTS} events are in PLANT (the last ${EVENTS - PRICE_EVENTS} in ${Math.round(writingMs / 1000)} s)`,
    );
    const buildingMs = await durationMs(() => build(nc, server.uri, 'main', all, EVENTS));
    console.log(`the read models are built in ${Math.round(buildingMs / 1000)} s`);
    const opened = await openDatabase(withDatabaseName(server.uri, 'main'), 'bench');
    try {
      return await answerAll(nc, opened.database, server.label, price, buildingMs);
    } finally {
      await opened[Symbol.asyncDispose]();
      await nc.close();
    }
  } finally {
    await supervisor.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Price = { withMs: number; withoutMs: number };

/** Builds all read models of the plant with and without snapshots, in turn; medians. */
async function priceOfSnapshots(nc: NatsConnection, uri: string): Promise<Price> {
  const without = ofPlant.map((projection): AnyProjection => ({ ...projection, snapshotEvery: NEVER }));
  const times: Record<'with' | 'without', number[]> = { with: [], without: [] };
  for (let round = 0; round < PRICE_ROUNDS; round++) {
    for (const way of round % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
      const projections = way === 'with' ? ofPlant : without;
      times[way].push(await durationMs(() => build(nc, uri, `price_${way}_${round}`, projections, PRICE_EVENTS)));
    }
  }
  return { withMs: median(times.with), withoutMs: median(times.without) };
}

async function build(
  nc: NatsConnection,
  uri: string,
  name: string,
  projections: readonly AnyProjection[],
  last: number,
) {
  const opened = await openDatabase(withDatabaseName(uri, name), 'bench');
  const stop = new AbortController();
  const logger = openLog('bench', 'error');
  const projector = runProjector({ projections, nc, database: opened.database, signal: stop.signal, logger });
  const readModels = openReadModels(opened.database, nc);
  const names = ofPlant.map((projection) => projection.name);
  await readModels.waitFor(positionOf('PLANT', last), names, CATCH_UP_MS_MAX);
  readModels[Symbol.dispose]();
  stop.abort();
  await projector.stopped;
  await opened[Symbol.asyncDispose]();
}

/** Questions by what they are about; `%` is a number that grows with the position asked about, as its orders and days do. */
const questions: Record<string, (chance: (below: number) => number) => string> = {
  'twin_directory: the list': () => '/api/twins?limit=200',
  'twin_directory: one': (chance) => `/api/twin/twin${chance(60)}`,
  'alerts: the alarm page': () => '/api/alerts',
  'alert_occurrences: a page': () => '/api/alerts/history?limit=50',
  'alert_occurrences: of a twin': (chance) => `/api/alerts/history?limit=50&twin=twin${chance(60)}`,
  'orders: a page': () => '/api/orders?limit=50',
  'orders: one, with its life': (chance) =>
    `/api/orders/ORD-${chance(200).toString(36).toUpperCase().padStart(10, '0')}`,
  'orders: work of a floor': (chance) => `/api/work?shopfloorId=shopfloor${1 + chance(8)}`,
  'reports: a page': () => '/api/reports?limit=50',
  'reports: of a floor': (chance) => `/api/reports?limit=50&shopfloorId=shopfloor${1 + chance(8)}`,
  'shopfloors: the list': () => '/api/shopfloors',
  'production_days: two weeks': () => '/api/production?from=2026-08-01&to=2026-08-14',
};

async function answerAll(
  nc: NatsConnection,
  database: Db,
  label: string,
  price: Price,
  buildingMs: number,
): Promise<Findings> {
  using readModels = openReadModels(database, nc, all);
  const app = await openApp(nc, database, readModels);
  const authorization = `Bearer ${app.jwt.sign({ sub: 'bench', email: 'bench@stratum.local', name: 'Bench', role: 'admin' })}`;
  const chance = dice(11);
  await readModels.waitFor(
    positionOf('PLANT', EVENTS),
    ofPlant.map(({ name }) => name),
    CATCH_UP_MS_MAX,
  );
  const ask = async (url: string) => {
    const answer = await app.inject({ url, headers: { authorization } });
    if (answer.statusCode !== 200 && answer.statusCode !== 404)
      throw new Error(`${url}: ${answer.statusCode} ${answer.body}`);
  };
  const rows: (string | number)[][] = [];
  const pasts: number[] = [];
  for (const [kind, urlOf] of Object.entries(questions)) {
    const times: Record<'now' | 'past' | 'slider', number[]> = { now: [], past: [], slider: [] };
    for (let round = 0; round < QUESTIONS; round++) {
      const url = urlOf(chance);
      const asOf = (position: number) => `${url}${url.includes('?') ? '&' : '?'}asOf=${positionOf('PLANT', position)}`;
      const position = 1 + ((chance(32_768) * 32_768 + chance(32_768)) % EVENTS);
      times.now.push(await durationMs(() => ask(url)));
      times.past.push(await durationMs(() => ask(asOf(position))));
      times.slider.push(await durationMs(() => ask(asOf(Math.max(1, position - 1)))));
    }
    pasts.push(...times.past);
    rows.push([kind, ...[times.now, times.past, times.slider].flatMap((list) => [median(list), quantile(list, 0.95)])]);
    console.log(`  ${kind}: past p95 ${Math.round(quantile(times.past, 0.95))} ms`);
  }
  await app.close();
  const disk = await sizes(database);
  const columns = ['question', 'now p50', 'now p95', 'past p50', 'past p95', 'one event earlier p50', 'p95'];
  return {
    name: 'as-of',
    how:
      `${EVENTS} events of a made-up plant in PLANT; ${QUESTIONS} questions of each kind over the API's routes in one process, each about now, about a ` +
      `random position, and about the position before that; snapshots every ${SNAPSHOT_EVERY} events; ${label}; milliseconds.`,
    command: 'make bench-as-of',
    versions: { mongodb: packageVersion('mongodb'), '@nats-io/nats-core': packageVersion('@nats-io/nats-core') },
    tables: [
      { title: 'Answers, ms', columns, rows },
      { title: 'Kept', columns: ['read model', 'documents', 'MiB', 'former documents', 'MiB'], rows: disk },
      {
        title: `Building the read models`,
        columns: ['', 's', 'events/s'],
        rows: [
          [`${PRICE_EVENTS} events without snapshots`, price.withoutMs / 1000, (PRICE_EVENTS / price.withoutMs) * 1000],
          [`${PRICE_EVENTS} events with snapshots`, price.withMs / 1000, (PRICE_EVENTS / price.withMs) * 1000],
          [`${EVENTS} events with snapshots`, buildingMs / 1000, (EVENTS / buildingMs) * 1000],
        ],
      },
    ],
    figures: [
      atMost(`questions about the past (${pasts.length} of them), p95`, P95_MS_MAX, quantile(pasts, 0.95), 'ms'),
      ...rows.map(([kind, , , , p95]) => atMost(`${kind}, p95`, P95_MS_MAX, Number(p95), 'ms')),
      atMost('time of building with snapshots, beside without', 1.5, price.withMs / price.withoutMs, '×'),
    ],
  };
}

async function openApp(nc: NatsConnection, database: Db, readModels: ReturnType<typeof openReadModels>): Promise<App> {
  const logger = openLog('bench', 'error');
  const about = { title: 'Bench', description: 'Bench', version: '1.0.0', tags: [] };
  const app = await createApp({ logger, jwtSecret: JWT_SECRET, about });
  const deps = { nc, store: openStore(nc), readModels, database, now: () => new Date(), logger };
  await mount(app, twinStateRoutes, deps);
  await mount(app, alertsRoutes, deps);
  await mount(app, ordersRoutes, deps);
  await mount(app, workRoutes, deps);
  await mount(app, reportsRoutes, deps);
  await mount(app, shopfloorsRoutes, deps);
  await mount(app, productionRoutes, deps);
  await app.ready();
  return app;
}

/** Documents and mebibytes, indexes included, of each read model and of what it keeps of the past. */
async function sizes(database: Db): Promise<(string | number)[][]> {
  const rows: (string | number)[][] = [];
  for (const { name, version } of ofPlant) {
    const collection = `${name}_v${version}`;
    rows.push([name, ...(await sizeOf(database, collection)), ...(await sizeOf(database, versionsNameOf(collection)))]);
  }
  return rows;
}

async function sizeOf(database: Db, collection: string): Promise<[number, number]> {
  const { count, storageSize, totalIndexSize } = await database.command({ collStats: collection });
  return [count, (storageSize + totalIndexSize) / 1024 ** 2];
}
