import type { AnyProjection } from '@stratum/infra/projector/projection.ts';
import { alertOccurrences } from './alerts/alert-occurrences.ts';
import { alerts } from './alerts/alerts.ts';
import { historyDays, historyHours } from './history/history.ts';
import { orders } from './orders/orders.ts';
import { productionDays } from './production-days/production-days.ts';
import { reports } from './reports/reports.ts';
import { shopfloors } from './shopfloors/shopfloors.ts';
import { twinDirectory } from './twin-directory/twin-directory.ts';
import { twinState } from './twin-state/twin-state.ts';

/** Every read model there is. */
export const all: readonly AnyProjection[] = [
  twinDirectory,
  twinState,
  historyHours,
  historyDays,
  alerts,
  alertOccurrences,
  orders,
  reports,
  shopfloors,
  productionDays,
];
