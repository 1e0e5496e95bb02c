import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { orders } from '../../projections/orders/orders.ts';
import { connectNats } from '../event-store/connection.ts';
import { readStream } from '../event-store/reader.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { decodeAll } from '../projector/decode.ts';
import { type AnyProjection, foldOnce, type ReadModelDocument } from '../projector/projection.ts';
import { startNats } from '../testing/nats.ts';
import { atLeast, type Findings, packageVersion } from './figures.ts';
import { alternately, durationMs, median } from './measure.ts';
import { EVENTS_PER_ORDER, writeOrders } from './plant-log.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ORDERS = Number(process.env.ORDERS ?? 14_000);
/** Orders that run at the same time, so that the log of one is spread among that of others. */
const ORDERS_AT_ONCE = 200;
const EVENTS = ORDERS * EVENTS_PER_ORDER;
/** Messages that the client holds ahead; the measured best of the client, and what the reader has. */
const BUFFERED = 2_000;
/** A replay that only folds takes small batches: what it read is garbage before it is worth moving about. */
const BATCH = 250;

const ways = {
  fold: (nc: NatsConnection) => replay(nc, true),
  decode: (nc: NatsConnection) => replay(nc, false),
  read: readOnly,
  bareJson: (nc: NatsConnection) => bare(nc, (data) => JSON.parse(decoder.decode(data))),
  bare: (nc: NatsConnection) => bare(nc),
};
type Way = keyof typeof ways;
const decoder = new TextDecoder();

/** Replays PLANT through the fold of the read model `orders`, beside the client's ordered consumer that does nothing. */
export async function benchReplay(): Promise<Findings> {
  await using nats = await startNats();
  const writing = await connectNats(nats.url, { name: 'bench-writing' });
  await ensureStreams(writing);
  await writeOrders(writing, ORDERS, ORDERS_AT_ONCE);
  const version = writing.info?.version ?? 'unknown';
  await writing.close();
  const names = Object.keys(ways) as Way[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Way, number[]>;
  for (const [round, name] of [...names, ...alternately(names, ROUNDS)].entries()) {
    const nc = await connectNats(nats.url, { name: `bench-${name}` });
    const perSecond = (EVENTS / (await durationMs(() => ways[name](nc)))) * 1000;
    await nc.close();
    // The first of each warms up.
    if (round >= names.length) rates[name].push(perSecond);
  }
  const at = (name: Way) => median(rates[name]);
  const row = (what: string, name: Way) => [what, at(name), at(name) / at('bare')];
  return {
    name: 'replay',
    how: `${EVENTS} events of ${ORDERS} orders are replayed from PLANT, ${ROUNDS} rounds each taking turns on one nats-server. The bare client: an ordered consumer, \`consume({max_messages: ${BUFFERED}, callback})\`, that counts.`,
    command: 'make bench-replay',
    versions: { 'nats-server': version, '@nats-io/jetstream': packageVersion('@nats-io/jetstream') },
    tables: [
      {
        title: 'Replaying',
        columns: ['way', 'events/s', '× bare'],
        rows: [
          row('reader, decode, fold of `orders`', 'fold'),
          row('reader, decode', 'decode'),
          row('reader', 'read'),
          row('bare ordered consumer + `JSON.parse` of the body', 'bareJson'),
          row('bare ordered consumer', 'bare'),
        ],
      },
    ],
    figures: [atLeast('replay through a fold, beside the bare ordered consumer', 0.6, at('fold') / at('bare'), '×')],
  };
}

async function bare(nc: NatsConnection, onData: (data: Uint8Array) => void = () => undefined): Promise<void> {
  const consumer = await jetstream(nc).consumers.get('PLANT', { deliver_policy: DeliverPolicy.All });
  const all = Promise.withResolvers<void>();
  let count = 0;
  const messages = await consumer.consume({
    max_messages: BUFFERED,
    callback: (message) => {
      onData(message.data);
      count += 1;
      if (count === EVENTS) all.resolve();
    },
  });
  await all.promise;
  messages.stop();
}

async function readOnly(nc: NatsConnection): Promise<void> {
  const ending = new AbortController();
  await readStream(nc, {
    stream: 'PLANT',
    from: 1,
    signal: ending.signal,
    batchMax: BATCH,
    onBatch: async (messages) => {
      if (messages.at(-1)?.sequence === EVENTS) ending.abort();
    },
  });
}

async function replay(nc: NatsConnection, isFolded: boolean): Promise<void> {
  const ending = new AbortController();
  const documents = new Map<string, ReadModelDocument>();
  const projection: AnyProjection = orders;
  await readStream(nc, {
    stream: 'PLANT',
    from: 1,
    signal: ending.signal,
    batchMax: BATCH,
    onBatch: async (messages) => {
      const { events, upTo, poison } = decodeAll(messages);
      if (poison !== undefined) throw poison.error;
      for (const event of isFolded ? events : []) {
        for (const key of projection.keys(event)) {
          const document = foldOnce(projection, documents.get(key), event, key);
          if (document !== undefined) documents.set(key, document);
        }
      }
      if (upTo === EVENTS) ending.abort();
    },
  });
  if (isFolded && documents.size !== ORDERS) throw new Error(`${documents.size} of ${ORDERS} orders were folded`);
}
