import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeBatches } from './batch.contract.ts';
import { describeStore } from './event-store.contract.ts';
import { describeOutages } from './outage.contract.ts';
import { plantCluster } from './plant-server.fixture.ts';
import { openStore } from './store.ts';
import { ensureStreams } from './streams.ts';

let plant: Awaited<ReturnType<typeof plantCluster>>;

beforeAll(async () => {
  plant = await plantCluster();
});

afterAll(() => plant?.[Symbol.asyncDispose]());

/** The server that decides about PLANT, and the others. */
async function roles() {
  const { cluster } = await (await jetstreamManager(plant.nc)).streams.info('PLANT');
  const servers = Object.entries(plant.cluster.servers);
  const leader = servers.find(([name]) => name === cluster?.leader)?.[1];
  if (leader === undefined) throw new Error('PLANT has no leader');
  return { leader, followers: servers.flatMap(([name, server]) => (name === cluster?.leader ? [] : [server])) };
}

describe('the store on three servers', () => {
  describeStore(() => openStore(plant.nc));
  describeBatches(() => openStore(plant.nc));

  let frozen: { thaw(): void }[] = [];
  describeOutages(() => ({
    nc: plant.nc,
    port: plant.cluster.servers.n1.port,
    async killOne() {
      const { leader } = await roles();
      await leader.kill();
      await leader.restart();
    },
    async killAll() {
      const servers = Object.values(plant.cluster.servers);
      await Promise.all(servers.map((server) => server.kill()));
      await Promise.all(servers.map((server) => server.restart()));
    },
    async freeze() {
      const { followers } = await roles();
      frozen = followers;
      for (const server of followers) server.freeze();
    },
    thaw: () => frozen.forEach((server) => void server.thaw()),
    makeStreams: () => ensureStreams(plant.nc, { STREAM_REPLICAS: '3' }),
  }));
});
