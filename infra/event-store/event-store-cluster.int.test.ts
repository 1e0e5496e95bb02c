import { afterAll, beforeAll, describe } from 'vitest';
import { describeBatches } from './batch.contract.ts';
import { describeStore } from './event-store.contract.ts';
import { plantCluster } from './plant-server.fixture.ts';
import { openStore } from './store.ts';

let plant: Awaited<ReturnType<typeof plantCluster>>;

beforeAll(async () => {
  plant = await plantCluster();
});

afterAll(() => plant?.[Symbol.asyncDispose]());

describe('the store on three servers', () => {
  describeStore(() => openStore(plant.nc));
  describeBatches(() => openStore(plant.nc));
});
