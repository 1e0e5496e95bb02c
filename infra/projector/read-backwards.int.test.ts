import type { NatsConnection } from '@nats-io/nats-core';
import { beforeAll, expect, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { startNats } from '../testing/nats.ts';
import { readBackwards } from './read-backwards.ts';

const TWINS = 8;
const EACH = 1_000;
/** A twin that spoke twice, long ago, and once in the middle of all others. */
const rare = 'telemetry.main.rare';

let nc: NatsConnection;
const sequences = new Map<string, number[]>();

beforeAll(async () => {
  const nats = await startNats();
  nc = await connectNats(nats.url, { name: 'test' });
  await ensureStreams(nc);
  await record(rare);
  await record(rare);
  for (let round = 0; round < EACH; round++) {
    await Promise.all(Array.from({ length: TWINS }, (_, twin) => record(`telemetry.main.twin${twin}`)));
    if (round === EACH / 2) await record(rare);
  }
  for (let index = 0; index < EACH; index++) await record('telemetry.main.burst');
  return async () => {
    await nc.close();
    await nats[Symbol.asyncDispose]();
  };
});

async function record(subject: string): Promise<void> {
  const { sequence } = await publisherOf(nc).publish(subject, Buffer.from('{}'), '');
  sequences.set(subject, [...(sequences.get(subject) ?? []), sequence]);
}

async function read(subject: string, limit: number, before?: number): Promise<number[]> {
  const messages = await readBackwards(nc, { stream: 'TELEMETRY', subject, limit, before });
  expect(messages.every((message) => message.subject === subject)).toBe(true);
  return messages.map((message) => message.sequence);
}

test.each(['telemetry.main.twin0', 'telemetry.main.twin7', 'telemetry.main.burst', rare])(
  'every page of %s follows the one before, to the first message',
  async (subject) => {
    const all = (sequences.get(subject) ?? []).toReversed();
    for (const limit of [1, 50, 999]) {
      expect(await read(subject, limit)).toEqual(all.slice(0, limit));
      expect(await read(subject, limit, all[Math.floor(all.length / 2)])).toEqual(
        all.slice(Math.floor(all.length / 2) + 1).slice(0, limit),
      );
    }
    const pages: number[] = [];
    for (let before: number | undefined; ; before = pages.at(-1)) {
      const page = await read(subject, 333, before);
      pages.push(...page);
      if (page.length < 333) break;
    }
    expect(pages).toEqual(all);
  },
);

test('what nobody spoke about is empty, and so is what lies before the first', async () => {
  expect(await read('telemetry.main.nobody', 10)).toEqual([]);
  expect(await read(rare, 10, 1)).toEqual([]);
  expect(await read('telemetry.main.burst', 10, 100)).toEqual([]);
});
