import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openLog } from '../log.ts';
import { createApp, mount } from './app.ts';

test('a closing app answers what is under way and is then gone, kept-alive connections or not', async () => {
  const app = await createApp({
    logger: openLog('test', 'silent'),
    jwtSecret: 'a secret of at least thirty-two characters',
    about: { title: 'Test', description: 'A test', version: '1.0.0', tags: [] },
  });
  const begun = Promise.withResolvers<void>();
  await mount(
    app,
    (scope) => {
      scope.get('/quick', async () => ({ done: true }));
      scope.get('/slow', async () => {
        begun.resolve();
        await sleep(300);
        return { done: true };
      });
    },
    null,
  );
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const agent = new Agent({ keepAlive: true });
  const ask = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      get(url + path, { agent }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      }).on('error', reject);
    });
  expect(await ask('/quick')).toBe(200);
  const slow = ask('/slow');
  await begun.promise;
  const startedAt = performance.now();
  await Promise.all([app.close(), slow.then((status) => expect(status).toBe(200))]);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  agent.destroy();
});
