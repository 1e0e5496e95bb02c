import type { Msg } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { Unavailable } from '../event-store/errors.ts';
import type { Publisher } from '../event-store/publisher.ts';
import { AgedOut, type MomentLog, momentIn, NoSuchMoment } from './moment.ts';

const now = new Date('2026-11-24T20:00:00Z');
const timeOf = (sequence: number) => Date.UTC(2026, 10, 24, 12, 0, sequence);
const instant = (sequence: number) => new Date(timeOf(sequence)).toISOString();

function stored(sequence: number): Msg {
  const headers = new Map([
    ['Nats-Subject', 'plant.main.shopfloor.floor1'],
    ['Nats-Sequence', String(sequence)],
    ['Nats-Time-Stamp', instant(sequence)],
  ]);
  return { headers, data: new Uint8Array() } as unknown as Msg;
}

/** PLANT and TELEMETRY with the messages `first` to `last`, kept by several servers of which the one asked has, at each look, those up to `held`. */
function logOf(first: number, last: number, ...held: number[]): MomentLog & { looked: number } {
  const unused = () => Promise.reject(new Error('not asked for here'));
  let looked = 0;
  const publisher: Publisher = {
    isCluster: true,
    publish: unused,
    publishBatch: unused,
    getLast: unused,
    getNewestSequence: unused,
    async getBatch(_stream, request) {
      const { seq = 1, start_time = instant(0) } = JSON.parse(request) as { seq?: number; start_time?: string };
      const end = held[Math.min(looked++, held.length - 1)] ?? last;
      const all = Array.from({ length: Math.max(0, end - first + 1) }, (_, index) => first + index);
      const found = all.filter((sequence) => sequence >= seq && timeOf(sequence) >= Date.parse(start_time));
      return { messages: found.slice(0, 1).map(stored), pending: Math.max(0, found.length - 1) };
    },
  };
  return {
    publisher,
    boundsOf: async () => ({ first, last, created: instant(0) }),
    get looked() {
      return looked;
    },
  };
}

const sequencesOf = async (log: MomentLog, asOf: string) => (await momentIn(log, asOf, now)).sequences;

describe('a moment, where several servers keep the log and the one that answers is behind', () => {
  it('by an instant is as far as the log was then, not as far as the copy is', async () => {
    expect(await sequencesOf(logOf(1, 9, 3, 3, 3, 3, 9), instant(7))).toEqual({ PLANT: 7, TELEMETRY: 7 });
    expect(await sequencesOf(logOf(1, 9, 3, 3, 3, 3, 9), instant(12))).toEqual({ PLANT: 9, TELEMETRY: 9 });
  });

  it('by a position just acknowledged is found once the copy has it', async () => {
    expect(await sequencesOf(logOf(1, 9, 8, 8, 9), 'PLANT:9')).toEqual({ PLANT: 9, TELEMETRY: 9 });
  });

  it('says that it cannot tell when the copy stays behind', async () => {
    await expect(momentIn(logOf(1, 9, 3), 'PLANT:9', now)).rejects.toThrow(Unavailable);
    await expect(momentIn(logOf(1, 9, 3), instant(7), now)).rejects.toThrow(Unavailable);
  });

  it('is not waited for when it is not to come, or gone', async () => {
    const log = logOf(4, 9);
    await expect(momentIn(log, 'PLANT:10', now)).rejects.toThrow(NoSuchMoment);
    await expect(momentIn(log, 'PLANT:3', now)).rejects.toThrow(AgedOut);
    expect(log.looked).toBe(2);
  });
});

describe('a moment of which nothing is left', () => {
  it('is known to be so', async () => {
    expect((await momentIn(logOf(4, 9), instant(2), now)).agedOut).toEqual(new Set(['PLANT', 'TELEMETRY']));
    expect((await momentIn(logOf(4, 9), instant(4), now)).agedOut).toEqual(new Set());
    expect((await momentIn(logOf(1, 9), instant(0), now)).agedOut).toEqual(new Set());
    expect((await momentIn(logOf(1, 0), instant(2), now)).agedOut).toEqual(new Set());
    expect((await momentIn(logOf(10, 9), instant(2), now)).agedOut).toEqual(new Set(['PLANT', 'TELEMETRY']));
  });
});
