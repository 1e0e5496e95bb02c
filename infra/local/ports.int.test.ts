import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { answersTcp, freePorts, requireFree } from './ports.ts';

test('free ports are different, free, and named', async () => {
  const ports = await freePorts('nats', 'database', 'web');
  expect(new Set(Object.values(ports)).size).toBe(3);
  for (const port of Object.values(ports)) await requireFree(port, 'PORT');
});

test.each(['127.0.0.1', '0.0.0.0'])(
  'a port taken on %s is refused in a sentence that says what to do',
  async (host) => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, host, () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    try {
      expect(await answersTcp(`http://127.0.0.1:${port}`)).toBe(true);
      await expect(requireFree(port, 'MQTT_PORT')).rejects.toThrow(
        `Port ${port} is taken by another program: stop it, or choose another port, e.g. make run MQTT_PORT=${port + 1}.`,
      );
    } finally {
      server.close();
    }
  },
);
