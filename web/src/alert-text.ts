import type { AlertDocument, OccurrenceDocument } from '@stratum/contracts/alert/alert.ts';
import type { Parameter, TwinDirectoryDocument } from '@stratum/contracts/twin/twin.ts';
import { numberText, valueText } from './format.ts';

/** An alert in words: `twin` Compressor, `what` Vibration high-high, `limit` 7.10, `unit` mm/s. */
export type AlertText = { twin: string; what: string; limit: string; unit: string; value: string };

/**
 * Reads an alert together with its twin; without the twin (not loaded, decommissioned) the ids stand in. `valueNow` is the newest
 * reading; without it the value that raised the alert is shown.
 */
export function alertText(
  alert: AlertDocument | OccurrenceDocument,
  twin: TwinDirectoryDocument | undefined,
  valueNow?: number | undefined,
): AlertText {
  const parameter = twin?.parameters.find(({ key }) => key === alert.parameter);
  const value = valueNow ?? alert.value;
  return {
    twin: twin?.name ?? alert.twinId,
    what: `${parameter?.name ?? alert.parameter} ${conditionOf(alert, parameter)}`,
    limit: parameter === undefined ? numberText(alert.limit, 1) : valueText(parameter, alert.limit),
    unit: alert.unit,
    value: parameter === undefined ? numberText(value, 1) : valueText(parameter, value),
  };
}

/** `high-high` once the trip limit was crossed, else `high`; the same for low. */
function conditionOf(alert: AlertDocument | OccurrenceDocument, parameter: Parameter | undefined): string {
  const trip = alert.direction === 'high' ? parameter?.limits.tripHigh : parameter?.limits.tripLow;
  return trip !== undefined && alert.limit === trip ? `${alert.direction}-${alert.direction}` : alert.direction;
}
