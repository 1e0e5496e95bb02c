import type { NatsConnection } from '@nats-io/nats-core';
import { type EventsPage, eventsPage } from '@stratum/contracts/http.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { header, publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { createApp, mount } from '@stratum/infra/http/app.ts';
import type { App } from '@stratum/infra/http/routes.ts';
import { openLog } from '@stratum/infra/log.ts';
import { startNats, type TestNats } from '@stratum/infra/testing/nats.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditRoutes } from './audit.routes.ts';

/** More than one answer looks back over. */
const EVENTS = 25_000;
/** Every how manieth event is of the order that is looked for. */
const RARE = 5_000;

let nats: TestNats;
let nc: NatsConnection;
let app: App;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats(nats.url, { name: 'audit-test' });
  await ensureStreams(nc);
  const publisher = publisherOf(nc);
  const recorded = Array.from({ length: EVENTS }, (_none, index) => {
    const isRare = index % RARE === 0;
    const id = isRare ? 'ORD-RARE' : `floor${index % 7}`;
    const type = isRare ? 'OrderPlaced' : 'CapacitySet';
    const headers =
      header('ce-id', `command-${index}-0`) +
      header('ce-type', index === 42 ? 'NobodyKnowsThisYet' : type) +
      header('ce-subject', id) +
      header('ce-time', '2026-11-24T20:00:00Z') +
      header('ce-actor', index % 2 === 0 ? 'account:even' : 'account:odd') +
      header('ce-dataschema', `urn:stratum:schema:${type}.v1`);
    return publisher.publish(
      `plant.main.${isRare ? 'order' : 'shopfloor'}.${id}`,
      Buffer.from(`{"index":${index}}`),
      headers,
    );
  });
  await Promise.all(recorded);
  app = await createApp({
    logger: openLog('test', 'silent'),
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
  });
  await mount(app, auditRoutes, { nc });
  await app.ready();
});
afterAll(async () => {
  await app?.close();
  await nc?.close();
  await nats?.[Symbol.asyncDispose]();
});

async function ask(query: string): Promise<EventsPage> {
  const authorization = `Bearer ${app.jwt.sign({ sub: 'acc-1', email: 'a@b.c', name: 'A', role: 'auditor' })}`;
  const answer = await app.inject({ url: `/api/events?${query}`, headers: { authorization } });
  expect(answer.statusCode, answer.body).toBe(200);
  return eventsPage.parse(answer.json());
}

const sequences = ({ events }: EventsPage): number[] => events.map(({ position }) => Number(position.split(':')[1]));

test('the newest come first, as many as asked for, and the next page goes on behind them', async () => {
  const first = await ask('limit=3');
  expect(sequences(first)).toEqual([EVENTS, EVENTS - 1, EVENTS - 2]);
  expect(first).toMatchObject({ next: `PLANT:${EVENTS - 2}`, scanned: 3 });
  expect(sequences(await ask(`limit=2&before=${first.next}`))).toEqual([EVENTS - 3, EVENTS - 4]);
});

test('the events of one aggregate are found in the whole log at once', async () => {
  for (const query of ['subject=ORD-RARE', 'entity=order', 'type=OrderPlaced']) {
    const page = await ask(query);
    expect(sequences(page)).toEqual([4, 3, 2, 1, 0].map((index) => index * RARE + 1));
    expect(page).toMatchObject({ next: null, scanned: EVENTS });
  }
});

test('a dense filter pages through everything, nothing twice and nothing left out', async () => {
  const found: number[] = [];
  let next: string | null = `PLANT:${EVENTS + 1}`;
  for (let pages = 0; next !== null && pages < 200; pages += 1) {
    const page: EventsPage = await ask(`subject=floor3&limit=200&before=${next}`);
    found.push(...sequences(page));
    next = page.next;
  }
  const expected = Array.from({ length: EVENTS }, (_none, index) => index).filter(
    (index) => index % 7 === 3 && index % RARE !== 0,
  );
  expect(found).toEqual(expected.map((index) => index + 1).toReversed());
});

test('what no index finds is looked for in bounded steps, and next goes on', async () => {
  const first = await ask('actor=account:nobody');
  expect(first).toEqual({ events: [], next: `PLANT:${EVENTS - 20_000 + 1}`, scanned: 20_000 });
  expect(await ask(`actor=account:nobody&before=${first.next}`)).toEqual({ events: [], next: null, scanned: 5_000 });
});

test('events are shown as they were recorded, those of unknown types too', async () => {
  const { events } = await ask('before=PLANT:44&limit=1');
  expect(events[0]).toMatchObject({
    type: 'NobodyKnowsThisYet',
    position: 'PLANT:43',
    entity: 'shopfloor',
    data: { index: 42 },
  });
});
