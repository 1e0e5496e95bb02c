import { dispatchGateway } from '../job/dispatch.gateway.ts';
import { jobReactor } from '../job/job.reactor.ts';
import { reportGateway } from '../job/report.gateway.ts';
import { orderReactor } from '../order/order.reactor.ts';
import { shopfloorGateway } from '../shopfloor/shopfloor.gateway.ts';
import { telemetryGateway } from '../telemetry/telemetry.gateway.ts';
import type { Starter } from './deps.ts';

/** Every reactor and gateway, one line each. `bridge` says whether messages of the MQTT broker must be carried into NATS. */
export function parts(_bridge: 'auto' | 'on' | 'off'): Record<string, Starter> {
  return {
    telemetry: telemetryGateway,
    order: orderReactor,
    job: jobReactor,
    dispatch: dispatchGateway,
    report: reportGateway,
    shopfloor: shopfloorGateway,
  };
}
