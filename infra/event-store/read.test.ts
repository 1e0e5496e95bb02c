import type { Msg } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { Unavailable } from './errors.ts';
import type { Publisher, StoredPage } from './publisher.ts';
import { readSubject, readUpTo } from './read.ts';

const subject = 'plant.main.shopfloor.floor1';

function stored(sequence: number): Msg {
  const headers = new Map([
    ['Nats-Subject', subject],
    ['Nats-Sequence', String(sequence)],
    ['Nats-Time-Stamp', '2026-01-01T00:00:00Z'],
  ]);
  return { headers, data: new Uint8Array() } as unknown as Msg;
}

/** Several servers that agree on `newest`, of which the one that answers holds, at each look, so many messages. */
function copyThatHolds(newest: number, ...looks: number[][]): Publisher & { looked: number } {
  const unused = () => Promise.reject(new Error('not asked for here'));
  return {
    looked: 0,
    isCluster: true,
    publish: unused,
    publishBatch: unused,
    getLast: unused,
    getNewestSequence: async () => newest,
    async getBatch(_stream, request): Promise<StoredPage> {
      const { seq } = JSON.parse(request) as { seq: number };
      const held = looks[Math.min(this.looked++, looks.length - 1)] ?? [];
      return { messages: held.filter((sequence) => sequence >= seq).map(stored), pending: 0 };
    },
  };
}

describe('reading an aggregate where several servers keep the log', () => {
  const read = async (publisher: Publisher, after: number) =>
    (await readSubject(publisher, 'PLANT', subject, after)).map(({ sequence }) => sequence);

  it('looks once at a copy that has all of it', async () => {
    const publisher = copyThatHolds(7, [3, 7]);
    expect(await read(publisher, 0)).toEqual([3, 7]);
    expect(await read(copyThatHolds(7, []), 7)).toEqual([]);
    expect(await read(copyThatHolds(0, []), 0)).toEqual([]);
    expect(publisher.looked).toBe(1);
  });

  it('waits for a copy that is behind, and reads each message once', async () => {
    expect(await read(copyThatHolds(9, [], [3], [3, 7], [3, 7, 9]), 0)).toEqual([3, 7, 9]);
    expect(await read(copyThatHolds(9, [3], [3, 9]), 3)).toEqual([9]);
  });

  it('says that it cannot tell when the copy stays behind', async () => {
    await expect(read(copyThatHolds(9, [3, 7]), 0)).rejects.toThrow(Unavailable);
  });
});

describe('reading up to a sequence that was acknowledged, where several servers keep the log', () => {
  const read = async (publisher: Publisher, from: number, upTo: number) => {
    const pages: number[][] = [];
    for await (const page of readUpTo(publisher, 'PLANT', { from, upTo, subject: '>' })) {
      pages.push(page.map(({ sequence }) => sequence));
    }
    return pages;
  };

  it('waits for a copy that is behind instead of taking its end for the end', async () => {
    expect(await read(copyThatHolds(9, [3], [3], [3, 4], [3, 4, 5]), 3, 5)).toEqual([[3], [4], [5]]);
    expect(await read(copyThatHolds(9, [], [3, 9]), 3, 5)).toEqual([[3]]);
  });

  it('looks no further than it was told', async () => {
    const publisher = copyThatHolds(9, [3, 5, 9]);
    expect(await read(publisher, 3, 5)).toEqual([[3, 5]]);
    expect(await read(publisher, 6, 5)).toEqual([]);
    expect(publisher.looked).toBe(1);
  });

  it('says that it cannot tell when the copy stays behind', async () => {
    await expect(read(copyThatHolds(9, [3]), 3, 5)).rejects.toThrow(Unavailable);
  });
});
