import type { NatsConnection } from '@nats-io/nats-core';
import { type Position, positionOf } from '@stratum/contracts/envelope.ts';
import { analyticsView, historyPage, trendView } from '@stratum/contracts/telemetry/telemetry.ts';
import { type TwinView, twinView } from '@stratum/contracts/twin/twin.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import type { App } from '@stratum/infra/http/routes.ts';
import { openLog } from '@stratum/infra/log.ts';
import { runProjector } from '@stratum/infra/projector/projector.ts';
import { openReadModels } from '@stratum/infra/projector/read-models.ts';
import { freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { beforeAll, describe, expect, test } from 'vitest';
import { twinDirectory } from '../twin-directory/twin-directory.ts';
import { twinStateRoutes } from '../twin-state/twin-state.routes.ts';
import { twinState } from '../twin-state/twin-state.ts';
import { analyticsRoutes } from './analytics.routes.ts';
import { historyRoutes } from './history.routes.ts';
import { historyDays, historyHours } from './history.ts';

const TWINS = 3;
const READINGS_PER_TWIN = 8_640;
const PERIOD_MS = 10_000;
/** What the first users were promised for an answer; the quickest of some pages has to keep it on a busy machine too. */
const ANSWER_MS_MAX = 200;

/** The day of readings ends here, and so does the test's clock; they are all recorded long after they were observed. */
const nowMs = Date.UTC(2026, 10, 24, 20, 0, 0);
const instant = (ms: number) => new Date(ms).toISOString();
const torqueAt = (reading: number) => 100 + (reading % 100);
const observedAt = (reading: number) => nowMs - (READINGS_PER_TWIN - reading) * PERIOD_MS;

let nc: NatsConnection;
let app: App;
let authorization: string;
let lastReading: Position;

beforeAll(async () => {
  const nats = await startNats();
  const fresh = await freshDatabase();
  nc = await connectNats(nats.url, { name: 'test' });
  await ensureStreams(nc);
  const store = openStore(nc);
  for (let twin = 0; twin < TWINS; twin++) await commission(store, `twin${twin}`);
  lastReading = await recordOneDay();

  const logger = openLog('test', 'silent');
  const stop = new AbortController();
  const projections = [twinDirectory, twinState, historyHours, historyDays];
  const projector = runProjector({ projections, nc, database: fresh.db, signal: stop.signal, logger });
  const readModels = openReadModels(fresh.db, nc);
  await readModels.waitFor(lastReading, ['twin_state', 'history_hours', 'history_days'], 30_000);

  const about = { title: 'Test', description: 'Test', version: '1.0.0', tags: [] };
  app = await createApp({ logger, jwtSecret: 'a secret of at least thirty-two characters', about });
  const deps = { nc, store, readModels, database: fresh.db, now: () => new Date(nowMs), logger };
  for (const routes of [twinStateRoutes, historyRoutes, analyticsRoutes]) await mount(app, routes, deps);
  await app.ready();
  authorization = `Bearer ${app.jwt.sign({ sub: 'tester', email: 'user@stratum.local', name: 'Tester', role: 'user' })}`;

  return async () => {
    await app.close();
    stop.abort();
    await projector.stopped;
    readModels[Symbol.dispose]();
    await nc.close();
    await fresh[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  };
}, 120_000);

describe('twins', () => {
  test('are listed with their newest readings, at a position to go on from', async () => {
    const { twins, next } = await ok<{ twins: TwinView[]; next: string | null }>('/api/twins');
    expect(twins.map(({ twin }) => twin.twinId)).toEqual(['twin0', 'twin1', 'twin2']);
    expect(next).toBeNull();
    expect(twins[2]?.state).toMatchObject({
      observedAt: instant(observedAt(READINGS_PER_TWIN - 1)),
      values: { torque: torqueAt(READINGS_PER_TWIN - 1) },
      readingCount: READINGS_PER_TWIN,
    });
    expect(twins[2]?.position).toEqual([positionOf('PLANT', TWINS), lastReading]);
  });

  test('are listed in pages', async () => {
    const first = await ok<{ twins: TwinView[]; next: string }>('/api/twins?limit=2');
    const second = await ok<{ twins: TwinView[]; next: null }>(`/api/twins?limit=2&from=${first.next}`);
    expect([first.twins.length, second.twins.length, second.next]).toEqual([2, 1, null]);
  });

  test('are told one by one, or not found', async () => {
    expect(twinView.parse(await ok('/api/twin/twin0')).twin.name).toBe('Twin twin0');
    expect((await get('/api/twin/nothing')).json()).toMatchObject({ status: 404, detail: 'There is no twin nothing.' });
  });

  test('are told as they are after a reading, to whoever asks for it', async () => {
    const sequence = await record('twin2', observedAt(READINGS_PER_TWIN), 77);
    const view = twinView.parse(await ok(`/api/twin/twin2?after=${positionOf('TELEMETRY', sequence)}`));
    expect(view.state?.values).toEqual({ torque: 77 });
    const later = await get(`/api/twin/twin2?after=${positionOf('TELEMETRY', sequence + 1)}`);
    expect([later.statusCode, later.headers['retry-after']]).toEqual([503, '1']);
  });

  test('are not for everybody', async () => {
    expect((await app.inject('/api/twins')).statusCode).toBe(401);
  });
});

describe('raw history', () => {
  test('goes back page by page, newest first, each page in time', async () => {
    let url = '/api/twin/twin0/history?limit=500';
    const times: number[] = [];
    for (let page = 0; page < 4; page++) {
      const startedMs = performance.now();
      const { rows, next } = historyPage.parse(await ok(url));
      times.push(performance.now() - startedMs);
      const newest = READINGS_PER_TWIN - 1 - page * 500;
      expect(rows.map((row) => row.values.torque)).toEqual(
        Array.from({ length: 500 }, (_, row) => torqueAt(newest - row)),
      );
      expect(next).toBe(rows.at(-1)?.position);
      url = `/api/twin/twin0/history?limit=500&before=${next}`;
    }
    expect(Math.min(...times)).toBeLessThan(ANSWER_MS_MAX);
  });

  test('ends with the first reading', async () => {
    const { rows, next } = historyPage.parse(await ok('/api/twin/twin0/history?limit=50&before=TELEMETRY:37'));
    expect([rows.length, rows.at(-1)?.observedAt, next]).toEqual([12, instant(observedAt(0)), null]);
  });

  test('says what is wrong with a question', async () => {
    const answer = await get('/api/twin/twin0/history?limit=0&before=PLANT:7');
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'before' }, { field: 'limit' }] });
  });
});

describe('a trend', () => {
  const trend = async (query: string) => trendView.parse(await ok(`/api/twin/twin0/trend?${query}`));

  test('of the last hour shows the readings themselves', async () => {
    const { t, parameters, resolutionSeconds } = await trend(`from=${instant(nowMs - 3_600_000)}`);
    const first = READINGS_PER_TWIN - 360;
    expect(resolutionSeconds).toBe(10);
    expect(t).toEqual(Array.from({ length: 360 }, (_, index) => observedAt(first + index) / 1000));
    expect(parameters.torque?.mean).toEqual(Array.from({ length: 360 }, (_, index) => torqueAt(first + index)));
  });

  test('of two hours in the past too, though they were recorded much later', async () => {
    const fromMs = nowMs - 12 * 3_600_000;
    const { t, parameters } = await trend(`from=${instant(fromMs)}&to=${instant(fromMs + 7_200_000)}`);
    expect([t.length, t[0], parameters.torque?.mean[0]]).toEqual([
      720,
      fromMs / 1000,
      torqueAt(READINGS_PER_TWIN - 4_320),
    ]);
  });

  test('of a day is made of minutes', async () => {
    const { t, parameters, resolutionSeconds } = await trend('px=800');
    expect([t.length, resolutionSeconds]).toEqual([720, 120]);
    expect(Math.min(...numbers(parameters.torque?.min))).toBe(100);
    expect(Math.max(...numbers(parameters.torque?.max))).toBe(199);
    expect(numbers(parameters.torque?.mean)).toHaveLength(720);
  });

  test('of a month is made of quarter hours', async () => {
    const { t, parameters, resolutionSeconds } = await trend(`from=${instant(nowMs - 30 * 86_400_000)}&px=1000`);
    expect([t.length, resolutionSeconds]).toEqual([720, 3_600]);
    expect(numbers(parameters.torque?.mean)).toHaveLength(24);
  });

  test.each([
    ['of a twin', 'PLANT', nowMs - 3_600_000, nowMs],
    ['that ends long ago', 'TELEMETRY', nowMs - 12 * 3_600_000, nowMs - 11 * 3_600_000],
    ['of a day', 'TELEMETRY', nowMs - 86_400_000, nowMs],
  ] as const)(
    '%s waits for the position asked for where it reads read models of %s',
    async (_which, stream, fromMs, toMs) => {
      const { last } = await lastSequence(nc, stream);
      const range = `from=${instant(fromMs)}&to=${instant(toMs)}`;
      const later = await get(`/api/twin/twin0/trend?${range}&after=${positionOf(stream, last + 1)}`);
      expect([later.statusCode, later.headers['retry-after']]).toEqual([503, '1']);
      await ok(`/api/twin/twin0/trend?${range}&after=${positionOf(stream, last)}`);
    },
  );

  test('of nothing is a problem that names the field', async () => {
    const answer = await get(`/api/twin/twin0/trend?from=${instant(nowMs)}&to=${instant(nowMs)}`);
    expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'from', message: 'must be before `to`' }] });
  });
});

test('analytics count every reading of the range once and find nothing in the week before', async () => {
  const view = analyticsView.parse(await ok('/api/analytics/twin0'));
  const mean = torqueAt(0) + 49.5;
  expect(view.parameters[0]?.range.count).toBe(READINGS_PER_TWIN);
  expect(view.parameters[0]?.range.mean).toBeCloseTo(mean, 0);
  expect(view.parameters[0]?.range).toMatchObject({ min: 100, max: 199 });
  expect(view.parameters[0]?.range.secondsOutside).toBeCloseTo(READINGS_PER_TWIN * 10 * 0.49, -3);
  expect(view.parameters[0]?.weekBefore).toMatchObject({ count: 0, mean: null });
  expect(view.parameters[0]?.daily).toHaveLength(8);
  expect(view.alerts).toEqual({ raised: 0, weekBefore: 0 });
});

const numbers = (values: (number | null)[] = []) => values.filter((value) => value !== null);

function get(url: string) {
  return app.inject({ url, headers: { authorization } });
}

async function ok<Body>(url: string): Promise<Body> {
  const answer = await get(url);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
}

async function commission(store: ReturnType<typeof openStore>, twinId: string): Promise<void> {
  const limits = { low: 50, high: 150, deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 2 };
  const definition = {
    twinId,
    name: `Twin ${twinId}`,
    twinType: 'drill-rig',
    valueStream: 'Upstream',
    site: 'main',
    reportingPeriodSeconds: 10,
    parameters: [{ key: 'torque', name: 'Torque', unit: 'Nm', limits }],
  };
  const command = {
    id: `seed-${twinId}`,
    type: 'CommissionTwin',
    data: definition,
    actor: 'account:tester' as const,
    correlationId: 'seed',
    time: instant(nowMs),
  };
  const events = [{ type: 'TwinCommissioned', data: definition }];
  await store.append([{ aggregate: { site: 'main', entity: 'twin', id: twinId }, after: 0, events }], command);
}

async function recordOneDay(): Promise<Position> {
  let last = 0;
  for (let reading = 0; reading < READINGS_PER_TWIN; reading++) {
    const stored = Array.from({ length: TWINS }, (_, twin) =>
      record(`twin${twin}`, observedAt(reading), torqueAt(reading)),
    );
    last = Math.max(...(await Promise.all(stored)));
  }
  return positionOf('TELEMETRY', last);
}

async function record(twinId: string, observedMs: number, torque: number): Promise<number> {
  const outside = torque > 150 ? { torque: 'high' } : {};
  const body = Buffer.from(JSON.stringify({ observedAt: instant(observedMs), values: { torque }, outside }));
  return (await publisherOf(nc).publish(`telemetry.main.${twinId}`, body, '')).sequence;
}
