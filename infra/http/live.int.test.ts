import { once } from 'node:events';
import { get } from 'node:http';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Role } from '@stratum/contracts/account/account.ts';
import type { Db } from 'mongodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { openLog } from '../log.ts';
import { announceBegun, announceDocuments } from '../projector/live.ts';
import type { Projection, ReadModelDocument } from '../projector/projection.ts';
import { runProjector } from '../projector/projector.ts';
import { openReadModels, type ReadModels } from '../projector/read-models.ts';
import { type FreshDatabase, freshDatabase } from '../testing/mongo.ts';
import { startNats, type TestNats } from '../testing/nats.ts';
import { waitFor } from '../testing/waitFor.ts';
import { createApp, mount } from './app.ts';
import { type LiveCollections, liveRoutes } from './live.ts';
import type { App } from './routes.ts';

type Counted = ReadModelDocument & { count: number; note: string };

const counted = (name: string, more: Partial<Projection<Counted>> = {}): Projection<Counted> => ({
  name,
  version: 1,
  stream: 'TELEMETRY',
  keys: (event) => [event.envelope.subject],
  fold: (document, _event, key) => ({ _id: key, count: (document?.count ?? 0) + 1, note: '' }),
  ...more,
});

const projections = [counted('written'), counted('folded', { announce: 'folded', writeEverySeconds: 30 })];
const collections: LiveCollections = {
  written: { stream: 'TELEMETRY', permission: 'twins:read', part: { permission: 'work:read', of: ownOnly } },
  folded: { stream: 'TELEMETRY', permission: 'log:read' },
  signs: { stream: null, permission: 'log:read' },
};

function ownOnly(document: Record<string, unknown>, user: { shopfloorId?: string }) {
  return document._id === user.shopfloorId ? { ...document, note: 'yours' } : undefined;
}

/** Where `find` is set, it answers in place of the database. */
const askedOf: { find?: (() => object) | undefined } = {};

function breakable(all: ReadModels): ReadModels {
  const collection = (name: string) => {
    const real = all.collection(name);
    return askedOf.find === undefined ? real : { collectionName: real.collectionName, find: askedOf.find };
  };
  return { ...all, collection: collection as ReadModels['collection'] };
}

let nats: TestNats;
let nc: NatsConnection;
let fresh: FreshDatabase;
let database: Db;
let readModels: ReadModels & Disposable;
let app: App;
let url: string;
const stop = new AbortController();
const clients: Client[] = [];

beforeAll(async () => {
  const logger = openLog('test', 'silent');
  nats = await startNats();
  nc = await connectNats(nats.url, { name: 'live-test' });
  await ensureStreams(nc);
  fresh = await freshDatabase();
  database = fresh.db;
  readModels = openReadModels(database, nc);
  const projector = runProjector({ projections, nc, database, signal: stop.signal, logger });
  await projector.ready;
  app = await createApp({
    logger,
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
  });
  await mount(app, liveRoutes, { nc, readModels: breakable(readModels), collections, now: () => new Date(), logger });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
  return async () => {
    stop.abort();
    await projector.stopped;
    readModels[Symbol.dispose]();
  };
});
afterAll(async () => {
  for (const client of clients) client.close();
  await app?.close();
  await nc?.close();
  await fresh?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

type Event = { id: string | undefined; event: string; data: string };
type Client = { events: Event[]; lastId: () => string; ended: Promise<void>; close: () => void };

function tokenOf(role: Role, more: object = {}, expiresIn = 900): string {
  return app.jwt.sign({ sub: `acc-${role}`, email: 'a@b.c', name: 'A', role, ...more }, { expiresIn });
}

async function open(
  options: { role?: Role; claims?: object; secondsToLive?: number; lastEventId?: string; query?: string } = {},
): Promise<Client> {
  const { role = 'auditor', claims, secondsToLive, lastEventId, query = '' } = options;
  const controller = new AbortController();
  const response = await fetch(`${url}/api/live${query}`, {
    signal: controller.signal,
    headers: {
      authorization: `Bearer ${tokenOf(role, claims, secondsToLive)}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const events: Event[] = [];
  const read = async () => {
    let rest = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      events.push(...blocks.flatMap(parseEvent));
    }
  };
  const ended = read().catch(() => undefined);
  const lastId = () => events.findLast(({ id }) => id !== undefined)?.id ?? '';
  const client = { events, lastId, ended, close: () => controller.abort() };
  clients.push(client);
  return client;
}

function parseEvent(block: string): Event[] {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const event = field('event');
  return event === undefined ? [] : [{ id: field('id'), event, data: field('data') ?? '' }];
}

const ready = async (options: Parameters<typeof open>[0] = {}) => {
  const client = await open(options);
  await waitFor(() => client.events.some(({ event }) => event === 'ready'), { what: 'ready' });
  return client;
};

/** `collection/id:count` of every document a client got, in order. */
function seenBy(client: Client): string[] {
  return client.events
    .filter(({ event }) => event === 'document')
    .map(({ data }) => {
      const { collection, id, document } = JSON.parse(data);
      return `${collection}/${id}:${document.count}`;
    });
}

/** How resuming went, without what else comes by. */
const isOutcome = (event: string): boolean => event === 'reset' || event === 'ready';

const sees = (client: Client, document: string) =>
  waitFor(() => seenBy(client).includes(document), {
    what: `${document} among ${seenBy(client).slice(-5)}`,
    msMax: 8_000,
  });

async function record(twinId: string): Promise<number> {
  const body = JSON.stringify({ observedAt: '2026-11-24T20:00:00Z', values: { torque: 80 }, outside: {} });
  const { sequence } = await publisherOf(nc).publish(`telemetry.main.${twinId}`, Buffer.from(body), '');
  return sequence;
}

test('a client is told that it is ready, then of every document that changes', async () => {
  const client = await ready();
  await record('a1');
  await sees(client, 'written/a1:1');
  await sees(client, 'folded/a1:1');
  const { document } = JSON.parse(client.events.find(({ event }) => event === 'document')?.data ?? '');
  expect(document).toMatchObject({ _id: 'a1', count: 1, _position: expect.any(Number) });
});

test('a client that comes back gets what changed meanwhile, as it is now', async () => {
  const before = await ready({ query: '?collections=written' });
  const sequence = await record('b1');
  await sees(before, 'written/b1:1');
  await readModels.waitFor(`TELEMETRY:${sequence}`, ['written', 'folded']);
  before.close();
  await record('b1');
  await record('b2');
  const last = await record('b1');
  await readModels.waitFor(`TELEMETRY:${last}`, ['written']);
  const after = await ready({ lastEventId: before.lastId(), query: '?collections=written' });
  const missed = after.events.slice(
    0,
    after.events.findIndex(({ event }) => event === 'ready'),
  );
  expect(missed.map(({ data }) => JSON.parse(data).document)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ _id: 'b1', count: 3 }),
      expect.objectContaining({ _id: 'b2', count: 1 }),
    ]),
  );
});

test('a client that cannot be told now what it missed learns no newer cursor, and is sent away to come back', async () => {
  const before = await ready({ query: '?collections=written' });
  await record('i1');
  await sees(before, 'written/i1:1');
  before.close();
  const missed = await record('i2');
  await readModels.waitFor(`TELEMETRY:${missed}`, ['written']);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<never>();
  const toArray = () => {
    asked.resolve();
    return answer.promise;
  };
  const found = { limit: () => ({ toArray }) };
  askedOf.find = () => found;
  const client = await open({ lastEventId: before.lastId(), query: '?collections=written' });
  await asked.promise;
  askedOf.find = undefined;
  await record('i3');
  const sign = await ready();
  await sees(sign, 'written/i3:1');
  answer.reject(new Error('the database is away'));
  await client.ended;
  expect(client.events).toEqual([]);

  const again = await ready({ lastEventId: before.lastId(), query: '?collections=written' });
  expect(seenBy(again)).toEqual(expect.arrayContaining(['written/i2:1', 'written/i3:1']));
});

test('a document that was announced but is not yet written reaches who joins meanwhile', async () => {
  const first = await ready();
  // The first change is written at once; the second rests.
  await record('c1');
  await sees(first, 'folded/c1:1');
  await record('c1');
  await sees(first, 'folded/c1:2');
  const written = await readModels.collection<Counted>('folded').findOne({ _id: 'c1' });
  expect(written?.count ?? 0).toBeLessThan(2);
  const second = await ready();
  await sees(second, 'folded/c1:2');
});

test('what is announced and kept in no read model is told to who is there, and never resumed', async () => {
  const first = await ready();
  const sign: Counted = { _id: 's1', count: 1, note: '', _position: 1 };
  announceDocuments(nc, { name: 'signs', stream: 'TELEMETRY' }, [sign]);
  await sees(first, 'signs/s1:1');
  const second = await ready({ lastEventId: first.lastId() });
  expect(second.events.map(({ event }) => event).filter(isOutcome)).toEqual(['ready']);
  expect(seenBy(second).filter((one) => one.startsWith('signs'))).toEqual([]);
});

test('a user sees only what the role may, or the part of it that is theirs', async () => {
  const user = await ready({ role: 'user' });
  const floor = await ready({ role: 'shopfloor-user', claims: { shopfloorId: 'd1' } });
  await record('d2');
  await record('d1');
  await sees(user, 'written/d1:1');
  await sees(floor, 'written/d1:1');
  expect(seenBy(user).filter((one) => one.startsWith('folded'))).toEqual([]);
  expect(seenBy(floor)).toEqual(['written/d1:1']);
  expect(JSON.parse(floor.events.find(({ event }) => event === 'document')?.data ?? '').document.note).toBe('yours');
});

test.each(['nonsense', 'PLANT:9999999;TELEMETRY:9999999'])(
  'a cursor that cannot be resumed from (%s) is a reset',
  async (lastEventId) => {
    const client = await ready({ lastEventId });
    expect(client.events.map(({ event }) => event).filter(isOutcome)).toEqual(['reset', 'ready']);
  },
);

test('the connection ends with the access token', async () => {
  const client = await ready({ secondsToLive: 2 });
  await client.ended;
  expect(client.events.at(-1)?.event).toBe('expired');
});

test('nobody watches without a token, and no read model that there is not', async () => {
  expect((await app.inject('/api/live')).statusCode).toBe(401);
  const answer = await app.inject({
    url: '/api/live?collections=nothing',
    headers: { authorization: `Bearer ${tokenOf('auditor')}` },
  });
  expect(answer.json()).toMatchObject({ status: 400, errors: [{ field: 'collections' }] });
});

test('what was written but never announced, because the projector died in between, is told when it begins anew', async () => {
  const client = await ready();
  const position = (await record('f1')) + 1_000_000;
  await sees(client, 'written/f1:1');
  const collection = readModels.collection<Counted>('written');
  await collection.insertOne({ _id: 'f2', count: 7, note: '', _position: position });
  announceBegun(nc, 'TELEMETRY');
  await sees(client, 'written/f2:7');
  await collection.deleteOne({ _id: 'f2' });
});

test('too many changed documents are a reset', async () => {
  const sequences = await Promise.all(Array.from({ length: 1_001 }, (_none, index) => record(`e${index}`)));
  await readModels.waitFor(`TELEMETRY:${Math.max(...sequences)}`, ['written'], 10_000);
  const client = await ready({ lastEventId: 'PLANT:0;TELEMETRY:0' });
  expect(client.events.map(({ event }) => event).filter(isOutcome)).toEqual(['reset', 'ready']);
});

test('a signal of life comes with the cursor', async () => {
  const client = await ready();
  const sign = await waitFor(() => client.events.find(({ event }) => event === 'cursor'), { what: 'a sign of life' });
  expect(sign.id).toMatch(/^PLANT:\d+;TELEMETRY:\d+$/);
});

test('a client that does not keep up is cut off, the others are not', async () => {
  const quick = await ready({ query: '?collections=written' });
  const headers = { authorization: `Bearer ${tokenOf('auditor')}` };
  const [slow] = await once(get(`${url}/api/live?collections=written`, { headers }), 'response');
  slow.pause();
  const note = 'x'.repeat(500_000);
  for (let round = 1; round <= 30; round += 1) {
    const document: Counted = { _id: 'g1', count: round, note, _position: 1_000_000 + round };
    announceDocuments(nc, { name: 'written', stream: 'TELEMETRY' }, [document]);
    await sees(quick, `written/g1:${round}`);
  }
  const closed = new Promise((resolve) => slow.on('close', resolve));
  slow.on('error', () => undefined).resume();
  await closed;
  expect(slow.complete).toBe(false);
});

test('nothing is missed when NATS is killed and comes back', async () => {
  const client = await ready({ query: '?collections=written' });
  await record('h1');
  await sees(client, 'written/h1:1');
  await nats.kill();
  await nats.restart();
  await waitFor(() => record('h1').catch(() => undefined), { what: 'NATS to be back', msMax: 15_000 });
  await sees(client, 'written/h1:2');
  await record('h2');
  await sees(client, 'written/h2:1');
});
