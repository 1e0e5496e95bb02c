import { freePorts } from '../local/ports.ts';
import { startNats, type TestNats } from './nats.ts';

const names = ['n1', 'n2', 'n3'] as const;

/** Three nats-servers on this machine that keep streams together. Disposing ends them and deletes their folders. */
export interface TestNatsCluster extends AsyncDisposable {
  /** All three, separated by commas. */
  url: string;
  /** By the name that JetStream calls them. */
  servers: Record<(typeof names)[number], TestNats>;
}

/**
 * Starts three servers that know each other. They take clients at once; JetStream answers when they have chosen a leader,
 * a second or two later. Clients are not told of servers they did not ask for, so that a proxy is not passed by.
 */
export async function startNatsCluster(): Promise<TestNatsCluster> {
  const routePorts = await freePorts(...names);
  const routes = names.map((name) => `"nats://127.0.0.1:${routePorts[name]}"`).join(', ');
  const start = (name: (typeof names)[number]) =>
    startNats({
      serverName: name,
      more: `cluster { name: "test", listen: "127.0.0.1:${routePorts[name]}", no_advertise: true, routes: [${routes}] }\n`,
    });
  const [n1, n2, n3] = await Promise.all([start('n1'), start('n2'), start('n3')]);
  const all = [n1, n2, n3];
  return {
    url: all.map(({ url }) => url).join(','),
    servers: { n1, n2, n3 },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
