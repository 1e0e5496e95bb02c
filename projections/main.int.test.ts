import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { positionOf } from '@stratum/contracts/envelope.ts';
import type { ProjectedEvent } from '@stratum/contracts/recorded.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { decodeEvent, lastSequence, readStream } from '@stratum/infra/event-store/reader.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { checkpointsIn } from '@stratum/infra/projector/checkpoints.ts';
import { canonicalJson } from '@stratum/infra/projector/digest.ts';
import type { AnyProjection } from '@stratum/infra/projector/projection.ts';
import { openReadModels, type ReadModels } from '@stratum/infra/projector/read-models.ts';
import { foldAll } from '@stratum/infra/projector/testing.ts';
import { freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { expect, test } from 'vitest';
import { historyDays, historyHours } from './history/history.ts';
import { startMain } from './program.fixture.ts';
import { twinState } from './twin-state/twin-state.ts';

const TWINS = 8;
const READINGS_PER_TWIN = 2_160;
const PERIOD_MS = 10_000;
/** Six hours of eight twins must be folded and written in this time, on a machine that does other things too. */
const CATCH_UP_MS_MAX = 20_000;
const STOP_MS_MAX = 5_000;

const folded: readonly AnyProjection[] = [twinState, historyHours, historyDays];
const names = folded.map((projection) => projection.name);

test('six hours of readings are in the read models within seconds, also when the projector is killed on the way', {
  timeout: 120_000,
}, async () => {
  await using nats = await startNats();
  await using fresh = await freshDatabase();
  await using nc = await connectNats(nats.url, { name: 'test' });
  await ensureStreams(nc);
  await recordSixHours(publisherOf(nc));
  const last = positionOf('TELEMETRY', TWINS * READINGS_PER_TWIN);
  using readModels = openReadModels(fresh.db, nc);

  const killed = await startMain(nats.url, fresh.uri);
  await waitFor(
    async () => (await checkpointsIn(fresh.db).findOne({ name: 'twin_state', position: { $gt: 0 } })) !== null,
    {
      what: 'a first part to be written',
    },
  );
  killed.process.kill('SIGKILL');
  await once(killed.process, 'exit');

  const projections = await startMain(nats.url, fresh.uri);
  await readModels.waitFor(last, names, CATCH_UP_MS_MAX);
  const events = await everything();
  for (const projection of folded) {
    const expected = foldAll(projection, events);
    expect(await documentsOf(readModels, projection.name)).toEqual([...expected.values()].map(canonicalJson).sort());
  }

  const rebuild = spawn(process.execPath, [rebuildFile], { env: { NATS_URL: nats.url, MONGODB_URI: fresh.uri } });
  let report = '';
  rebuild.stdout.on('data', (chunk) => {
    report += chunk;
  });
  expect(await once(rebuild, 'close')).toEqual([0, null]);
  for (const name of names) expect(report).toMatch(new RegExp(`= ${name}: \\d+ documents, digest [0-9a-f]{16}`));

  const exited = once(projections.process, 'exit');
  const stoppedMs = performance.now();
  projections.process.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  expect(performance.now() - stoppedMs).toBeLessThan(STOP_MS_MAX);

  async function everything(): Promise<ProjectedEvent[]> {
    const stop = new AbortController();
    const events: ProjectedEvent[] = [];
    const bounds = await lastSequence(nc, 'TELEMETRY');
    await readStream(nc, {
      stream: 'TELEMETRY',
      from: 1,
      signal: stop.signal,
      onBatch: async (messages) => {
        events.push(...messages.map((message) => decodeEvent(message) as ProjectedEvent));
        if (messages.at(-1)?.sequence === bounds.last) stop.abort();
      },
    });
    return events;
  }
});

test('says what is missing in the environment, and nothing else', async () => {
  const program = spawn(process.execPath, [mainFile], {
    env: { NATS_URL: 'nowhere' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  program.stderr.on('data', (chunk) => {
    said += chunk;
  });
  expect(await once(program, 'close')).toEqual([1, null]);
  expect(said).toContain('NATS_URL: must look like nats://127.0.0.1:4222');
  expect(said).toContain('MONGODB_URI: is missing');
  expect(said).not.toMatch(/^\s+at /m);
});

const rebuildFile = fileURLToPath(new URL('./rebuild.ts', import.meta.url));
const mainFile = fileURLToPath(new URL('./main.ts', import.meta.url));

async function recordSixHours({ publish }: ReturnType<typeof publisherOf>): Promise<void> {
  const startMs = Date.UTC(2026, 10, 24);
  for (let reading = 0; reading < READINGS_PER_TWIN; reading++) {
    const observedAt = new Date(startMs + reading * PERIOD_MS).toISOString();
    const wave = Math.sin(reading / 50);
    const torque = Math.round(100 + 60 * wave);
    const outside = torque > 150 ? { torque: 'high' } : torque < 50 ? { torque: 'low' } : {};
    const values = { torque, pressure: Math.round(35 + 20 * wave), vibration: Math.round(50 - 20 * wave) };
    const body = Buffer.from(JSON.stringify({ observedAt, values, outside }));
    await Promise.all(Array.from({ length: TWINS }, (_, twin) => publish(`telemetry.main.twin${twin}`, body, '')));
  }
}

async function documentsOf(readModels: ReadModels, name: string): Promise<string[]> {
  const documents = await readModels.collection(name).find().toArray();
  return documents.map(canonicalJson).sort();
}
