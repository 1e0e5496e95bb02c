import type { NatsConnection } from '@nats-io/transport-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { connectNats } from './connection.ts';
import { plantCluster, plantServer } from './plant-server.fixture.ts';
import { checkClaims, checkTellings, claims, type Rivals, tellings } from './rivals.contract.ts';
import { openStore } from './store.ts';

const RUNS = 40;

describe.for([
  {
    where: 'one server',
    start: async () => {
      const plant = await plantServer();
      return { plant, urls: Array(3).fill(plant.server.url) as string[] };
    },
  },
  {
    where: 'three servers, each process on its own',
    start: async () => {
      const plant = await plantCluster();
      return { plant, urls: Object.values(plant.cluster.servers).map(({ url }) => url) };
    },
  },
])('rivals on $where', ({ start }) => {
  let plant: AsyncDisposable;
  let connections: NatsConnection[] = [];
  beforeAll(async () => {
    const started = await start();
    plant = started.plant;
    connections = await Promise.all(started.urls.map((url) => connectNats(url, { name: 'rival' })));
  });
  afterAll(async () => {
    await Promise.all(connections.map((nc) => nc.close()));
    await plant?.[Symbol.asyncDispose]();
  });

  let runs = 0;
  const check = <Input>(arbitrary: fc.Arbitrary<Input>, law: (rivals: Rivals, input: Input) => Promise<void>) => {
    const property = fc.asyncProperty(arbitrary, (input) =>
      law({ processes: connections.map((nc) => openStore(nc)), run: `run-${runs++}` }, input),
    );
    return fc.assert(property, { numRuns: RUNS });
  };

  it('one claim wins per guard', () => check(claims, checkClaims));
  it('each command is recorded once, or truly refused', () => check(tellings, checkTellings));
});
