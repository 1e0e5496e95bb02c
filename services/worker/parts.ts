import { watchInbox } from '@stratum/infra/event-store/inbox-watch.ts';
import { alertReactor } from '../alert/alert.reactor.ts';
import { dispatchGateway } from '../job/dispatch.gateway.ts';
import { jobReactor } from '../job/job.reactor.ts';
import { reportGateway } from '../job/report.gateway.ts';
import { orderReactor } from '../order/order.reactor.ts';
import { shopfloorGateway } from '../shopfloor/shopfloor.gateway.ts';
import { bridgeGateway } from '../telemetry/bridge.gateway.ts';
import { telemetryGateway } from '../telemetry/telemetry.gateway.ts';
import type { Starter, WorkerDeps } from './deps.ts';
import { isForeignBroker } from './foreign-broker.ts';

/** Whether messages of the MQTT broker must be carried into NATS; `auto` finds out. */
export type Bridge = 'auto' | 'on' | 'off';

/** Every reactor and gateway, one line each. */
export function parts(bridge: Bridge): Record<string, Starter> {
  return {
    telemetry: telemetryGateway,
    alert: alertReactor,
    order: orderReactor,
    job: jobReactor,
    dispatch: dispatchGateway,
    report: reportGateway,
    shopfloor: shopfloorGateway,
    inbox: inboxWatch,
    ...(bridge === 'off' ? {} : { bridge: bridge === 'on' ? bridgeGateway : bridgeIfForeign }),
  };
}

/** Carries messages into NATS only where the broker is not NATS itself: otherwise each would come twice. */
const bridgeIfForeign: Starter = async (deps: WorkerDeps) => {
  const { nc, config, signal, logger } = deps;
  if (await isForeignBroker(nc, config.mqttUrl)) {
    logger.info('the MQTT broker is not NATS: its messages are carried over');
    return bridgeGateway({ ...deps, config: { ...config, mqttIsForeign: true } });
  }
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  return { name: 'bridge', position: () => 0, stopped };
};

/** Looks after the copying of what devices send into DEVICES, which nats-server does by itself. */
const inboxWatch: Starter = (deps: WorkerDeps) => {
  const { stopped, copied, trouble } = watchInbox(deps);
  return { name: 'inbox', position: copied, trouble, stopped };
};
