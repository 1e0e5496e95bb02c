import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { openStore } from '@stratum/infra/event-store/store.ts';
import { openLog } from '@stratum/infra/log.ts';
import { armShutdown, runMain } from '@stratum/infra/shutdown.ts';
import { telemetryGateway } from './telemetry.gateway.ts';

/** The telemetry gateway alone in a process, so that tests can kill it. Prints `{"ready":true}` once it reads. */
async function main(): Promise<void> {
  const logger = openLog('telemetry-gateway', process.env.LOG_LEVEL ?? 'error');
  const { signal, stopped } = armShutdown(logger);
  await using nc = closing(await connectNats(process.env.NATS_URL ?? '', { name: 'telemetry-gateway' }));
  const config = { mqttUrl: '', mqttIsForeign: false };
  const deps = { nc: nc.connection, store: openStore(nc.connection), now: () => new Date(), logger, signal, config };
  const gateway = await telemetryGateway(deps);
  process.stdout.write('{"ready":true}\n');
  await gateway.stopped;
  await stopped;
}

function closing(connection: Awaited<ReturnType<typeof connectNats>>) {
  return { connection, [Symbol.asyncDispose]: () => connection.close() };
}

await runMain(main);
