import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { type OrderCommand, order } from '../../services/order/order.ts';
import { connectNats } from '../event-store/connection.ts';
import { handle } from '../event-store/handle.ts';
import { openStore, type Store } from '../event-store/store.ts';
import { ensureStreams } from '../event-store/streams.ts';
import { startNats } from '../testing/nats.ts';
import { EMMETT_INSTALL, EMMETT_VERSION, type Emmett, type EventStore, emmett } from './emmett-peer.ts';
import { atLeast, type Findings } from './figures.ts';
import { alternately, median, ratePerSecond } from './measure.ts';
import { startPostgres } from './postgres.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
/** Orders per round, by how many are in flight; each is two commands, so two events. */
const ORDERS = { 1: Number(process.env.ORDERS_ALONE ?? 250), 32: Number(process.env.ORDERS_TOGETHER ?? 1_500) };
const inFlight = [1, 32] as const;
type InFlight = (typeof inFlight)[number];
/** Of Emmett: one for each command in flight; `pg` itself would open ten at most. */
const CONNECTIONS = 32;
const AT = '2026-11-25T10:30:00Z';

/** Reads, decides and appends one command on one aggregate. */
type Way = (command: OrderCommand) => Promise<unknown>;

/** The same two commands on each order, decided by the product's own rules of an order, through Stratum and through Emmett. */
export async function benchEmmett(): Promise<Findings> {
  const { getPostgreSQLEventStore, openPool, CommandHandler } = await emmett();
  await using closing = new AsyncDisposableStack();
  const nats = closing.use(await startNats());
  const synced = closing.use(await startNats({ syncInterval: 'always' }));
  const postgres = closing.use(await startPostgres());
  const openStratum = async (url: string) => {
    const nc = await connectNats(url, { name: 'bench' });
    closing.defer(() => nc.close());
    await ensureStreams(nc);
    return { nc, version: nc.info?.version ?? 'unknown' };
  };
  const openEmmett = async (name: string, settings?: Record<string, string>) => {
    const url = await postgres.createDatabase(name, settings);
    const pool = openPool(url, CONNECTIONS);
    closing.defer(async () => {
      if (!pool.ended) await pool.end();
    });
    const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } });
    closing.defer(() => store.close());
    await store.schema.migrate();
    return emmettWay(store, CommandHandler);
  };
  const { nc, version } = await openStratum(nats.url);
  const { nc: syncedNc } = await openStratum(synced.url);
  const ways = {
    stratum: stratumWay(openStore(nc)),
    stratumAlways: stratumWay(openStore(syncedNc)),
    // A store of its own for every command remembers nothing.
    stratumForgetful: (command: OrderCommand) => stratumWay(openStore(nc))(command),
    emmett: await openEmmett('stock'),
    emmettOff: await openEmmett('unsynced', { synchronous_commit: 'off' }),
  };
  const rates = await measure(ways);
  return findingsOf(rates, { 'nats-server': version, PostgreSQL: postgres.version, Emmett: EMMETT_VERSION });
}

type Name = 'stratum' | 'stratumAlways' | 'stratumForgetful' | 'emmett' | 'emmettOff';
type Rates = Record<Name, Record<InFlight, number>>;

async function measure(ways: Record<Name, Way>): Promise<Rates> {
  const names = Object.keys(ways) as Name[];
  const all = Object.fromEntries(names.map((name) => [name, { 1: [], 32: [] }])) as unknown as Record<
    Name,
    Record<InFlight, number[]>
  >;
  let next = 0;
  const run = (way: Way, count: number, lanes: number) =>
    ratePerSecond(count, lanes, async () => {
      for (const command of commandsOf(next++)) await way(command);
    });
  for (const name of names) await run(ways[name], 200, 32);
  for (const lanes of inFlight) {
    for (const name of alternately(names, ROUNDS)) {
      all[name][lanes].push((await run(ways[name], ORDERS[lanes], lanes)) * 2);
    }
  }
  return Object.fromEntries(
    names.map((name) => [name, { 1: median(all[name][1]), 32: median(all[name][32]) }]),
  ) as Rates;
}

function stratumWay(store: Store): Way {
  return (command) => handle(store, order, { site: SITE_DEFAULT, entity: 'order', id: command.data.orderId }, command);
}

function emmettWay(store: EventStore, CommandHandler: Emmett['CommandHandler']): Way {
  const handleIt = CommandHandler({ evolve: order.evolve, initialState: () => order.initial });
  return (command) => handleIt(store, `order-${command.data.orderId}`, (state) => order.decide(state, command));
}

/** An order is placed and then split over two floors. */
function commandsOf(index: number): OrderCommand[] {
  const orderId = `ORD-${index.toString(36).toUpperCase().padStart(12, '0')}`;
  const said = (id: string) => ({ id: `${orderId}-${id}`, actor: 'account:bench', correlationId: orderId, time: AT });
  const capacities = ['shopfloor1', 'shopfloor2'].map((shopfloorId) => ({
    shopfloorId,
    capacityPerHour: 100,
    isLive: true,
  }));
  return [
    {
      ...said('place'),
      type: 'PlaceOrder',
      data: { orderId, description: 'Cola Bottles 500ml', quantity: 1000, material: 'PET granulate' },
    },
    { ...said('distribute'), type: 'DistributeOrder', data: { orderId, capacities } },
  ];
}

function findingsOf(rates: Rates, versions: Record<string, string>): Findings {
  const row = (what: string, name: Name) => [
    what,
    rates[name][1],
    rates[name][1] / rates.emmett[1],
    rates[name][32],
    rates[name][32] / rates.emmett[32],
  ];
  const pair = (what: string, ours: Name, theirs: Name) => [
    what,
    `${(rates[ours][1] / rates[theirs][1]).toFixed(2)}×`,
    `${(rates[ours][32] / rates[theirs][32]).toFixed(2)}×`,
  ];
  return {
    name: 'emmett',
    how: `Read, decide, append: each order is placed and then distributed, by the same \`decide\` and \`evolve\` of \`services/order/order.ts\`; ${ROUNDS} rounds each taking turns, ${ORDERS[1] * 2} commands one at a time and ${ORDERS[32] * 2} with 32 in flight. Emmett: \`getPostgreSQLEventStore(connectionString, {connectionOptions: {pool}})\` with a pool of ${CONNECTIONS} connections (\`pg\` itself would open ten) and \`CommandHandler({evolve, initialState})\`, fetched with \`${EMMETT_INSTALL}\`; PostgreSQL as \`initdb\` configures it. What both do by default is not the same: Stratum brings its log to the disk once a second, PostgreSQL before each answer. The second table sets beside each other what promises the same.`,
    command: 'make bench-emmett',
    versions,
    tables: [
      {
        title: 'Read, decide, append: commands/s',
        columns: ['way', 'one at a time', '× Emmett', '32 in flight', '× Emmett'],
        rows: [
          row('Stratum as `make run` sets it up (disk once a second)', 'stratum'),
          row('the same, nothing remembered: every command loads', 'stratumForgetful'),
          row('Stratum, `sync_interval: always` (disk before the answer)', 'stratumAlways'),
          row('Emmett + PostgreSQL as configured by default (disk before the answer)', 'emmett'),
          row('Emmett + PostgreSQL, `synchronous_commit = off`', 'emmettOff'),
        ],
      },
      {
        title: 'Pairs with the same promise: Stratum’s commands/s × Emmett’s',
        columns: ['what is promised', 'one at a time', '32 in flight'],
        rows: [
          pair('on the disk before the answer', 'stratumAlways', 'emmett'),
          pair('on the disk soon after the answer: within a second, and PostgreSQL’s `off`', 'stratum', 'emmettOff'),
        ],
      },
    ],
    figures: [
      atLeast(
        'read–decide–append one at a time, beside Emmett, both by default',
        5,
        rates.stratum[1] / rates.emmett[1],
        '×',
      ),
      atLeast(
        'read–decide–append with 32 in flight, beside Emmett, both by default',
        10,
        rates.stratum[32] / rates.emmett[32],
        '×',
      ),
    ],
  };
}
