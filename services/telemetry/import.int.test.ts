import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readSubject } from '@stratum/infra/event-store/read.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { openTelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import { answerHealth } from '@stratum/infra/health.ts';
import { openLeadership } from '@stratum/infra/leadership/leadership.ts';
import { openLog } from '@stratum/infra/log.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { alertReactor } from '../alert/alert.reactor.ts';
import { keepRunning } from '../worker/keep-running.ts';

const example = fileURLToPath(new URL('../../docs/examples/cmapss-fd001/', import.meta.url));
const engines = join(example, 'train_FD001_engines_1-5.txt.gz');
let server: TestNats;
let nc: Awaited<ReturnType<typeof connectNats>>;
let folder = '';

beforeAll(async () => {
  server = await startNats();
  nc = await connectNats(server.url, { name: 'test' });
  await ensureStreams(nc);
  folder = await mkdtemp(join(tmpdir(), 'stratum-import-'));
});
afterAll(async () => {
  await nc?.close();
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Starts `make import` as a process of its own. */
function start(FILE: string, MAP: string) {
  const path = fileURLToPath(new URL('./import.ts', import.meta.url));
  const env = { ...process.env, NATS_URL: server.url, FILE, MAP };
  return spawn(process.execPath, [path], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function runImport(file: string, map: string): Promise<{ code: unknown; out: string; err: string }> {
  const child = start(file, map);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, out, err };
}

/** Judges readings as the worker does, and says how far it is when asked. */
function startJudge() {
  const ending = new AbortController();
  const config = { mqttUrl: '', mqttIsForeign: false };
  const logger = openLog('test', 'silent');
  const deps = { nc, store: openStore(nc), now: () => new Date(), logger, signal: ending.signal, config };
  const { signal } = ending;
  const leadership = openLeadership(nc, { program: 'worker', id: 'judge', tasks: ['alert'], signal, logger });
  const alert = keepRunning('alert', alertReactor, deps, leadership);
  const self = { program: 'worker', process: leadership.id };
  const health = answerHealth(nc, self, () => ({ 'worker/alert': alert.health() }));
  onTestFinished(async () => {
    ending.abort();
    health.unsubscribe();
    await alert.ended;
    leadership.close();
  });
}

const bodies = async (twinId: string) =>
  (await readSubject(publisherOf(nc), 'TELEMETRY', `telemetry.main.${twinId}`, 0)).map(
    ({ data }) => JSON.parse(Buffer.from(data).toString()) as { observedAt: string; values: Record<string, number> },
  );

test('five engines run to failure give the report that the example promises, and importing them again adds nothing', async () => {
  startJudge();
  const first = await runImport(engines, join(example, 'map.json'));
  expect(first).toMatchObject({ code: 0 });
  const report = first.out.trim().split('\n');
  expect(report[0]).toBe('1,116 rows read: 1,116 accepted, 0 already there, 0 refused, 0 of other twins skipped');
  const readme = await readFile(join(example, 'README.md'), 'utf8');
  for (const line of report) expect(readme).toContain(line);

  const { last } = await lastSequence(nc, 'TELEMETRY');
  expect(last).toBe(1_116);
  const second = await runImport(engines, join(example, 'map.json'));
  expect(second.out).toBe(first.out.replace('1,116 accepted, 0 already', '0 accepted, 1,116 already'));
  expect((await lastSequence(nc, 'TELEMETRY')).last).toBe(last);
  const one = await bodies('fd001-1');
  expect(one[0]).toMatchObject({ observedAt: '2025-01-01T01:00:00.000Z', values: { lpcOutletTemperature: 641.82 } });
  expect(one).toHaveLength(192);
}, 120_000);

const pumpMap = {
  twinType: 'pump',
  twins: { idColumn: 'pump', prefix: 'pump-' },
  time: { column: 'when', unit: 'epochSeconds' },
  parameters: [{ column: 'p', key: 'pressure', name: 'Pressure', unit: 'bar', low: 1, high: 9 }],
};
const row = (number: number) => `${number % 4},${1_700_000_000 + number},${number}`;

async function files(name: string, rows: string[]): Promise<[file: string, map: string]> {
  const paths: [string, string] = [join(folder, `${name}.csv`), join(folder, `${name}.json`)];
  await writeFile(paths[0], ['pump,when,p', ...rows].join('\n'));
  await writeFile(paths[1], JSON.stringify({ ...pumpMap, twins: { ...pumpMap.twins, prefix: `${name}-` } }));
  return paths;
}

test('an import that was killed goes on where it stopped, and rows added later are all that a later one adds', async () => {
  startJudge();
  const rows = Array.from({ length: 8_000 }, (_, number) => row(number));
  const [file, map] = await files('killed', rows);
  const { last: before } = await lastSequence(nc, 'TELEMETRY');
  const child = start(file, map);
  await waitFor(async () => (await lastSequence(nc, 'TELEMETRY')).last > before + 1_500, {
    what: 'half an import',
    msMax: 40_000,
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect((await lastSequence(nc, 'TELEMETRY')).last).toBeLessThan(before + rows.length);

  const { out } = await runImport(file, map);
  const [, accepted, already] =
    /: ([\d,]+) accepted, ([\d,]+) already/.exec(out)?.map((cell) => cell.replace(',', '')) ?? [];
  expect(Number(accepted) + Number(already)).toBe(rows.length);
  expect(Number(already)).toBeGreaterThan(1_000);

  // Something else comes in between, and the recording grows.
  const log = await openTelemetryLog(nc);
  const reading = { observedAt: '2026-01-01T00:00:00.000Z', values: { pressure: 5 }, outside: {} };
  await log.append({ site: 'main', twinId: 'killed-1', reading });
  await files('killed', [...rows, row(8_000), row(8_001)]);
  expect((await runImport(file, map)).out).toContain('2 accepted, 8,000 already there');
  for (const pump of [0, 1, 2, 3]) {
    const values = (await bodies(`killed-${pump}`))
      .map((body) => body.values.pressure ?? -1)
      .filter((value) => value !== 5 || pump !== 1);
    const expected = Array.from({ length: 8_002 }, (_, number) => number).filter((number) => number % 4 === pump);
    expect(values).toEqual(pump === 1 ? expected.filter((value) => value !== 5) : expected);
  }
}, 120_000);

test('what is wrong with rows is counted and shown, what is wrong with a map stops it before anything is done', async () => {
  const [file, map] = await files('wrong', [
    row(1),
    '1,never,5',
    '1,1700000002,fast',
    '1,99999999999,5',
    'a b,1700000003,5',
  ]);
  const { code, out } = await runImport(file, map);
  expect(code).toBe(0);
  expect(out).toContain('5 rows read: 1 accepted, 0 already there, 4 refused');
  expect(out).toContain('refused BadShape: 2');
  expect(out).toContain('row 2: time holds "never", which is no time');
  expect(out).toContain('row 3: values.pressure holds "fast", which is no number');
  expect(out).toContain('refused ObservedInFuture: 1');
  expect(out).toContain('refused UnknownTwin: 1');
  expect(out).toContain('1 twin; alerts are not known yet: nothing judges readings just now');

  await writeFile(map, JSON.stringify({ ...pumpMap, twinType: 'Pump!' }));
  const wrongMap = await runImport(file, map);
  expect(wrongMap).toMatchObject({
    code: 1,
    err: 'The map is not right:\n  twinType: lower-case letters, digits and - only\n',
  });
  await writeFile(map, JSON.stringify({ ...pumpMap, twinType: 'fan', twins: { ...pumpMap.twins, prefix: 'wrong-' } }));
  const taken = await runImport(file, map);
  expect(taken).toMatchObject({
    code: 1,
    err: expect.stringContaining('wrong-1 is already commissioned, as something else'),
  });
  const nowhere = await runImport(join(folder, 'nothing.csv'), map);
  expect(nowhere).toMatchObject({ code: 1, err: expect.stringContaining('there is no file') });
}, 120_000);
