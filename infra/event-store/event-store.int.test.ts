import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe } from 'vitest';
import { startNats, type TestNats } from '../testing/nats.ts';
import { describeBatches } from './batch.contract.ts';
import { connectNats } from './connection.ts';
import { describeStore } from './event-store.contract.ts';
import { describeOutages } from './outage.contract.ts';
import { openStore } from './store.ts';
import { ensureStreams } from './streams.ts';

let server: TestNats;
let nc: NatsConnection;

beforeAll(async () => {
  server = await startNats();
  nc = await connectNats(server.url, { name: 'test' });
  await ensureStreams(nc);
});

afterAll(async () => {
  await nc?.close();
  await server?.[Symbol.asyncDispose]();
});

describe('the store on NATS', () => {
  describeStore(() => openStore(nc));
  describeBatches(() => openStore(nc));

  const kill = async () => {
    await server.kill();
    await server.restart();
  };
  describeOutages(() => ({
    nc,
    port: server.port,
    killOne: kill,
    killAll: kill,
    freeze: async () => server.freeze(),
    thaw: () => server.thaw(),
    makeStreams: () => ensureStreams(nc),
  }));
});
