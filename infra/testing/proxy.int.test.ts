import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProxy } from './proxy.ts';

/** Says everything back, and remembers what it heard. */
const heard: string[] = [];
const echo = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (bytes) => {
    heard.push(String(bytes));
    socket.write(bytes);
  });
});
let port: number;

beforeAll(async () => {
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  port = address !== null && typeof address === 'object' ? address.port : 0;
});

afterAll(() => void echo.close());

/** A client that collects what it hears. */
async function caller(proxyPort: number): Promise<{ socket: Socket; said: string[] }> {
  const socket = connect(proxyPort, '127.0.0.1');
  const said: string[] = [];
  socket.on('data', (bytes) => void said.push(String(bytes)));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return { socket, said };
}

const whole = (parts: string[]) => parts.join('');

describe('a network that can fail', () => {
  it('carries bytes both ways, and the end of a connection', async () => {
    await using proxy = await startProxy(port);
    const { socket, said } = await caller(proxy.port);
    const large = 'x'.repeat(1_000_000);
    socket.write(large);
    await expect.poll(() => whole(said).length).toBe(large.length);
    expect(proxy.connections).toBe(1);
    socket.end();
    await expect.poll(() => proxy.connections).toBe(0);
  });

  it('delivers late, in order', async () => {
    await using proxy = await startProxy(port);
    const { socket, said } = await caller(proxy.port);
    proxy.delay(150, 'toClient');
    const startedMs = performance.now();
    for (const part of ['a', 'b', 'c']) socket.write(part);
    await expect.poll(() => whole(said)).toBe('abc');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(149);
  });

  it('holds one direction back while the other goes on, until it is well again', async () => {
    await using proxy = await startProxy(port);
    const { socket, said } = await caller(proxy.port);
    proxy.pause('toClient');
    socket.write('held');
    await expect.poll(() => heard.at(-1)).toBe('held');
    expect(said).toEqual([]);
    proxy.resume();
    await expect.poll(() => said).toEqual(['held']);
  });

  it('loses what it held when it is cut, and takes new connections', async () => {
    await using proxy = await startProxy(port);
    const { socket, said } = await caller(proxy.port);
    proxy.pause('toClient');
    socket.write('lost');
    await expect.poll(() => heard.at(-1)).toBe('lost');
    proxy.cut();
    await expect.poll(() => socket.closed).toBe(true);
    proxy.resume();
    const again = await caller(proxy.port);
    again.socket.write('kept');
    await expect.poll(() => again.said).toEqual(['kept']);
    expect(said).toEqual([]);
  });

  it('refuses until it is well again', async () => {
    await using proxy = await startProxy(port);
    proxy.refuse();
    const refused = connect(proxy.port, '127.0.0.1');
    refused.on('error', () => undefined);
    await expect.poll(() => refused.closed).toBe(true);
    proxy.resume();
    const { socket, said } = await caller(proxy.port);
    socket.write('hello');
    await expect.poll(() => said).toEqual(['hello']);
  });
});
