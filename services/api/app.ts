import { type AppOptions, createApp, mount } from '@stratum/infra/http/app.ts';
import { healthRoutes } from '@stratum/infra/http/health.ts';
import { liveRoutes } from '@stratum/infra/http/live.ts';
import type { About } from '@stratum/infra/http/openapi.ts';
import type { ApiDeps, App } from '@stratum/infra/http/routes.ts';
import { alertsRoutes } from '@stratum/projections/alerts/alerts.routes.ts';
import { all as projections } from '@stratum/projections/all.ts';
import { analyticsRoutes } from '@stratum/projections/history/analytics.routes.ts';
import { historyRoutes } from '@stratum/projections/history/history.routes.ts';
import { ordersRoutes } from '@stratum/projections/orders/orders.routes.ts';
import { workRoutes } from '@stratum/projections/orders/work.routes.ts';
import { productionRoutes } from '@stratum/projections/production-days/production-days.routes.ts';
import { reportsRoutes } from '@stratum/projections/reports/reports.routes.ts';
import { shopfloorsRoutes } from '@stratum/projections/shopfloors/shopfloors.routes.ts';
import { twinStateRoutes } from '@stratum/projections/twin-state/twin-state.routes.ts';
import { type AccountDeps, accountRoutes } from '../account/account.routes.ts';
import { alertRoutes } from '../alert/alert.routes.ts';
import { auditRoutes } from '../audit/audit.routes.ts';
import { rebuildRoutes } from '../audit/rebuild.routes.ts';
import { jobRoutes } from '../job/job.routes.ts';
import { orderRoutes } from '../order/order.routes.ts';
import { shopfloorRoutes } from '../shopfloor/shopfloor.routes.ts';
import { telemetryRoutes } from '../telemetry/telemetry.routes.ts';
import { twinRoutes } from '../twin/twin.routes.ts';
import { liveCollections } from './live-collections.ts';

/** What all routes need together. */
export type AllDeps = ApiDeps & AccountDeps;

/** The title page of the API. */
export const about: About = {
  title: 'Stratum',
  version: '1.0.0',
  description:
    'One log for an oil & gas plant. Commands (`POST`) answer `{id, position}`; queries take `?after=<position>` and then ' +
    'show at least what was recorded up to there. Errors are problem details (RFC 9457) that name the field. Every `POST` ' +
    'takes an `Idempotency-Key`.',
  tags: [
    { name: 'accounts', description: 'Registering and signing in' },
    { name: 'twins', description: 'Twins, their state and history' },
    { name: 'telemetry', description: 'Readings in, and what was refused' },
    { name: 'alerts', description: 'What is out of its limits' },
    { name: 'analytics', description: 'Averages, time outside the limits, this week against the last' },
    { name: 'orders', description: 'Production orders and how they are split over shopfloors' },
    { name: 'jobs', description: 'The parts of orders that shopfloors make, and their reports' },
    { name: 'shopfloors', description: 'Shopfloors, their capacity and signs of life' },
    { name: 'audit', description: 'The log itself' },
    { name: 'live', description: 'Changes as they happen' },
    { name: 'health', description: 'How the parts are' },
  ],
};

/** The whole API: one line per slice. */
export async function openApi(options: Omit<AppOptions, 'about'>, deps: AllDeps): Promise<App> {
  const app = await createApp({ ...options, about });
  const readModelNames = projections.map(({ name }) => name);
  await mount(app, healthRoutes, { ...deps, readModelNames, programs: ['worker', 'projections'] });
  await mount(app, liveRoutes, { ...deps, collections: liveCollections(projections) });
  await mount(app, accountRoutes, deps);
  await mount(app, auditRoutes, deps);
  await mount(app, rebuildRoutes, deps);
  await mount(app, twinRoutes, deps);
  await mount(app, telemetryRoutes, deps);
  await mount(app, alertRoutes, deps);
  await mount(app, orderRoutes, deps);
  await mount(app, jobRoutes, deps);
  await mount(app, shopfloorRoutes, deps);
  await mount(app, twinStateRoutes, deps);
  await mount(app, historyRoutes, deps);
  await mount(app, analyticsRoutes, deps);
  await mount(app, alertsRoutes, deps);
  await mount(app, ordersRoutes, deps);
  await mount(app, workRoutes, deps);
  await mount(app, reportsRoutes, deps);
  await mount(app, shopfloorsRoutes, deps);
  await mount(app, productionRoutes, deps);
  return app;
}
