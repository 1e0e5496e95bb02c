import { setTimeout as wait } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectNats } from './event-store/connection.ts';
import { answerHealth, askHealth, type PartHealth } from './health.ts';
import { startNats, type TestNats } from './testing/nats.ts';

let server: TestNats;
let nc: NatsConnection;
beforeAll(async () => {
  server = await startNats();
  nc = await connectNats(server.url, { name: 'test' });
});
afterAll(async () => {
  await nc.close();
  await server[Symbol.asyncDispose]();
});

const WAIT_MS_MAX = 10_000;
const standby: PartHealth = { status: 'ok', role: 'standby', position: 50 };
const leader: PartHealth = { status: 'ok', role: 'leader', position: 41 };
const part = 'worker/x';

describe('asking the processes of a program how it is', () => {
  it('hears a leader whose event loop lags behind', async () => {
    const quick = answerHealth(nc, { program: 'lagging', process: 'quick' }, () => ({ [part]: standby }));
    const slow = nc.subscribe('health.lagging', {
      callback: (_error, message) => {
        const answer = JSON.stringify({ process: 'slow', parts: { [part]: leader } });
        void wait(600).then(() => message.respond(answer));
      },
    });
    onTestFinished(() => [quick, slow].forEach((one) => void one.unsubscribe()));
    const expected = { status: 'ok', detail: 'at 41, led by slow, 1 in reserve', position: 41 };
    expect(await askHealth(nc, 'lagging', WAIT_MS_MAX)).toEqual({ [part]: expected });
  });

  it('does not wait to the end for more of a program that is led', async () => {
    const only = answerHealth(nc, { program: 'led', process: 'only' }, () => ({ [part]: leader }));
    onTestFinished(() => only.unsubscribe());
    const askedAt = performance.now();
    expect((await askHealth(nc, 'led', WAIT_MS_MAX))[part]?.status).toBe('ok');
    expect(performance.now() - askedAt).toBeLessThan(WAIT_MS_MAX / 2);
  });

  it('says that nobody leads a part when the others have had their time', async () => {
    const only = answerHealth(nc, { program: 'vacant', process: 'only' }, () => ({ [part]: standby }));
    onTestFinished(() => only.unsubscribe());
    const askedAt = performance.now();
    expect((await askHealth(nc, 'vacant', WAIT_MS_MAX))[part]?.detail).toBe('led by nobody just now');
    expect(performance.now() - askedAt).toBeLessThan(WAIT_MS_MAX / 2);
  });

  it('says at once that nobody is there', async () => {
    const askedAt = performance.now();
    expect(await askHealth(nc, 'nobody', WAIT_MS_MAX)).toEqual({
      nobody: { status: 'failed', detail: 'gives no answer' },
    });
    expect(performance.now() - askedAt).toBeLessThan(WAIT_MS_MAX / 2);
  });
});
