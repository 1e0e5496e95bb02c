import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { TwinStateDocument } from '@stratum/contracts/twin/twin.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readAt } from '@stratum/infra/event-store/read.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { startProjector, type TestProjector } from '@stratum/infra/projector/fixtures.ts';
import { AgedOut, NoSuchMoment } from '@stratum/infra/projector/moment.ts';
import { freshDatabase } from '@stratum/infra/testing/mongo.ts';
import { startNats } from '@stratum/infra/testing/nats.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { beforeEach, expect, test } from 'vitest';
import { historyHours } from './history/history.ts';
import { twinDirectory } from './twin-directory/twin-directory.ts';
import { twinState } from './twin-state/twin-state.ts';

const PATIENCE_MS = 60_000;
const READINGS_MAX = 100_000;
/** Publishes that wait at the same time. */
const AT_ONCE_MAX = 10_000;
const names = ['twin_state', 'twin_directory', 'history_hours'];

let nc: NatsConnection;
let projector: TestProjector;

beforeEach(async () => {
  const nats = await startNats();
  const fresh = await freshDatabase();
  nc = await connectNats(nats.url, { name: 'test' });
  await ensureStreams(nc);
  projector = startProjector(nc, fresh.db, [twinState, twinDirectory, historyHours]);
  return async () => {
    await projector[Symbol.asyncDispose]();
    await nc.close();
    await fresh[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  };
});

test('of a moment before the oldest reading that is kept no later state is told, though the twin is silent since', async () => {
  const longAgo = await instantOf(await record('silent', 1));
  await record('silent', 2);
  await record('busy', 3);
  const kept = await instantOf(await record('busy', 4));
  await caughtUp(await record('busy', 5));
  await purgeBefore(4);

  const then = await viewAt(longAgo);
  for (const name of ['twin_state', 'history_hours']) {
    await expect(then.collection(name).find().toArray()).rejects.toThrow(AgedOut);
  }
  await expect(stateOf(longAgo, 'silent')).rejects.toThrow('readings of that time are not kept any more');
  // What never was, was not then; and the log of the plant is kept for ever.
  expect(await stateOf(longAgo, 'nothing')).toBeNull();
  expect(await then.collection('twin_directory').find().toArray()).toEqual([]);

  expect(await stateOf(kept, 'silent')).toMatchObject({ values: { torque: 2 }, readingCount: 2 });
  await expect(stateOf(kept, 'busy')).rejects.toThrow(AgedOut);
  await expect(stateOf('TELEMETRY:1', 'silent')).rejects.toThrow('TELEMETRY begins at TELEMETRY:4');
});

test('of a moment when all readings have aged out nothing is told, for nobody knows when they were', async () => {
  const longAgo = await instantOf(await record('silent', 1));
  await caughtUp(await record('silent', 2));
  await purgeBefore(3);
  await expect(stateOf(longAgo, 'silent')).rejects.toThrow(AgedOut);
});

test('as many readings are folded again for a question as is said, and not one more', {
  timeout: 180_000,
}, async () => {
  let last = 0;
  for (let reading = 0; reading < READINGS_MAX + 2; reading += AT_ONCE_MAX) {
    const count = Math.min(AT_ONCE_MAX, READINGS_MAX + 2 - reading);
    const sequences = await Promise.all(Array.from({ length: count }, (_, index) => publish('pump1', reading + index)));
    last = Math.max(...sequences);
  }
  await caughtUp(last);
  expect(await stateOf(`TELEMETRY:${READINGS_MAX}`, 'pump1')).toMatchObject({ readingCount: READINGS_MAX });
  const oneMore = stateOf(`TELEMETRY:${READINGS_MAX + 1}`, 'pump1');
  await expect(oneMore).rejects.toThrow(NoSuchMoment);
  await expect(oneMore).rejects.toThrow('needs more than 100000 readings to be folded again');
});

function viewAt(asOf: string) {
  return projector.readModels.viewAsOf(asOf, names, new Date());
}

async function stateOf(asOf: string, twinId: string) {
  return (await viewAt(asOf)).collection<TwinStateDocument>('twin_state').findOne({ _id: twinId });
}

async function publish(twinId: string, torque: number): Promise<number> {
  const body = Buffer.from(JSON.stringify({ observedAt: '2026-11-24T20:00:00Z', values: { torque }, outside: {} }));
  return (await publisherOf(nc).publish(`telemetry.main.${twinId}`, body, '')).sequence;
}

/** Records a reading in a millisecond of its own. */
async function record(twinId: string, torque: number): Promise<number> {
  const sequence = await publish(twinId, torque);
  const recordedMs = Date.parse(await instantOf(sequence));
  await waitFor(() => Date.now() > recordedMs + 1, { what: 'the next millisecond', pollMs: 1 });
  return sequence;
}

async function instantOf(sequence: number): Promise<string> {
  return (await readAt(publisherOf(nc), 'TELEMETRY', sequence))?.recordedAt ?? '';
}

async function caughtUp(sequence: number): Promise<void> {
  await projector.readModels.waitFor(`TELEMETRY:${sequence}`, names, PATIENCE_MS);
}

/** Lets all readings before a sequence age out. */
async function purgeBefore(sequence: number): Promise<void> {
  await (await jetstreamManager(nc)).streams.purge('TELEMETRY', { seq: sequence });
}
