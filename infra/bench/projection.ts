import type { NatsConnection } from '@nats-io/transport-node';
import type { AnyBulkWriteOperation, Db } from 'mongodb';
import { orders } from '../../projections/orders/orders.ts';
import { connectNats } from '../event-store/connection.ts';
import { readStream } from '../event-store/reader.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { openLog } from '../log.ts';
import { decodeAll } from '../projector/decode.ts';
import { onProgress } from '../projector/live.ts';
import { openModel } from '../projector/model.ts';
import type { AnyProjection, ReadModelDocument } from '../projector/projection.ts';
import { runProjector } from '../projector/projector.ts';
import { freshDatabase } from '../testing/mongo.ts';
import { startNats } from '../testing/nats.ts';
import { startBenchDatabase } from './database.ts';
import { atLeast, type Findings, packageVersion } from './figures.ts';
import { alternately, durationMs, median } from './measure.ts';
import { EVENTS_PER_ORDER, writeOrders } from './plant-log.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const ORDERS = 2_000;
const EVENTS = ORDERS * EVENTS_PER_ORDER;
/** As many events as the projector folds together, and as many documents as it sends in one request. */
const BATCH = 2_000;
const DOCUMENTS_PER_REQUEST = 1_000;
const UNTIL_WRITTEN_MS_MAX = 120_000;

/** Documents as the projector sends them: those of the read model, or those that answer for the past. */
type Request = { of: 'documents' | 'versions'; operations: AnyBulkWriteOperation<ReadModelDocument>[] };
const projection: AnyProjection = orders;

/**
 * The read model `orders` is built by the projector from the beginning of PLANT, beside the driver's `bulkWrite` of the
 * documents that the projector writes, in the same requests. All orders run at the same time, so that nearly every event
 * changes a document of its own.
 */
export async function benchProjection(): Promise<Findings> {
  await using nats = await startNats();
  await using server = await startBenchDatabase();
  const nc = await connectNats(nats.url, { name: 'bench' });
  try {
    await ensureStreams(nc);
    await writeOrders(nc, ORDERS, ORDERS);
    const requests = await requestsOf(nc);
    const documents = requests.reduce((sum, request) => sum + request.operations.length, 0);
    const ways = {
      projector: (database: Db) => project(nc, database),
      bare: (database: Db) => writeBare(database, requests),
    };
    const seconds = { projector: [] as number[], bare: [] as number[] };
    for (const name of alternately(['projector', 'bare'] as const, ROUNDS)) {
      await using fresh = await freshDatabase(server.uri);
      // The first collection of a database takes its time to make, whoever makes it.
      await fresh.db.createCollection('first');
      seconds[name].push((await durationMs(() => ways[name](fresh.db))) / 1000);
    }
    return findingsOf(documents, requests.length, median(seconds.projector), median(seconds.bare), {
      'nats-server': nc.info?.version ?? 'unknown',
      database: server.label,
      mongodb: packageVersion('mongodb'),
    });
  } finally {
    await nc.close();
  }
}

async function project(nc: NatsConnection, database: Db): Promise<void> {
  const written = Promise.withResolvers<void>();
  const late = setTimeout(
    () => written.reject(new Error('the projector did not get to the end')),
    UNTIL_WRITTEN_MS_MAX,
  );
  const hearing = onProgress(nc, ({ position }) => {
    if (position === EVENTS) written.resolve();
  });
  const ending = new AbortController();
  const logger = openLog('bench', 'silent');
  const projector = runProjector({ projections: [projection], nc, database, signal: ending.signal, logger });
  try {
    await written.promise;
  } finally {
    clearTimeout(late);
    hearing.unsubscribe();
    ending.abort();
    await projector.stopped;
  }
}

async function writeBare(database: Db, requests: readonly Request[]): Promise<void> {
  const collection = database.collection<ReadModelDocument>('bare');
  for (const fields of orders.indexes ?? []) {
    await collection.createIndex(Object.fromEntries(fields.map((field) => [field, 1])));
  }
  const versions = database.collection<ReadModelDocument>('bare_versions');
  await versions.createIndex({ nodes: 1 });
  for (const { of, operations } of requests) {
    await (of === 'versions' ? versions : collection).bulkWrite(operations, { ordered: false });
  }
}

/** What the projector has to write, request by request, when it always finds a full batch at hand. */
async function requestsOf(nc: NatsConnection): Promise<Request[]> {
  const requests: Request[] = [];
  const add = (of: Request['of'], operations: Request['operations']) => {
    for (let first = 0; first < operations.length; first += DOCUMENTS_PER_REQUEST) {
      requests.push({ of, operations: operations.slice(first, first + DOCUMENTS_PER_REQUEST) });
    }
  };
  const model = openModel(projection, { load: async () => [], write: async () => undefined }, 0);
  const ending = new AbortController();
  await readStream(nc, {
    stream: 'PLANT',
    from: 1,
    signal: ending.signal,
    batchMax: BATCH,
    onBatch: async (messages) => {
      const { events, upTo } = decodeAll(messages);
      await model.fold(events, upTo);
      const unwritten = model.unwritten();
      add(
        'versions',
        unwritten.versions.map((version) => ({ insertOne: { document: { ...version, _position: 0 } } })),
      );
      const operations = unwritten.changes.map(
        ({ document, storedPosition }): AnyBulkWriteOperation<ReadModelDocument> =>
          storedPosition === undefined
            ? { insertOne: { document } }
            : { replaceOne: { filter: { _id: document._id }, replacement: document } },
      );
      add('documents', operations);
      model.written(unwritten);
      if (upTo === EVENTS) ending.abort();
    },
  });
  return requests;
}

function findingsOf(
  documents: number,
  requests: number,
  projectorSeconds: number,
  bareSeconds: number,
  versions: Record<string, string>,
): Findings {
  const ratio = bareSeconds / projectorSeconds;
  return {
    name: 'projection',
    how: `The read model \`orders\` built from ${EVENTS} events of ${ORDERS} orders that all run at the same time, beside \`collection.bulkWrite(request, {ordered: false})\` of the same ${documents} documents (those that answer for the past among them) in the same ${requests} requests, unguarded and ready in memory; ${ROUNDS} rounds each taking turns, each in a new database.`,
    command: 'make bench-projection',
    versions,
    tables: [
      {
        title: 'Projecting to the database',
        columns: ['way', 'documents/s', 'events/s', '× bare'],
        rows: [
          [
            'projector: read, decode, fold, write guarded, checkpoint',
            documents / projectorSeconds,
            EVENTS / projectorSeconds,
            ratio,
          ],
          ['bare `bulkWrite`', documents / bareSeconds, EVENTS / bareSeconds, 1],
        ],
      },
    ],
    figures: [
      // Both write the same documents of the same events, so this is the ratio of documents/s and of events/s alike.
      atLeast('documents/s of the projector, beside the bare bulkWrite', 0.7, ratio, '×'),
    ],
  };
}
