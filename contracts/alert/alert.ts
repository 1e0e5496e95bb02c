import { z } from 'zod';
import { instantSchema, positionSchema } from '../envelope.ts';
import { parameterKeySchema, prioritySchema, twinIdSchema } from '../twin/twin.ts';

export const directionSchema = z.enum(['high', 'low']);
export type Direction = z.infer<typeof directionSchema>;

/** ISA-18.2 alarm states: normal; active unacknowledged; active acknowledged; returned to normal unacknowledged; shelved; suppressed by design; out of service. */
export const alarmStateSchema = z.enum(['NORM', 'UNACK', 'ACKED', 'RTNUN', 'SHLVD', 'DSUPR', 'OOSRV']);
export type AlarmState = z.infer<typeof alarmStateSchema>;

/** Id of an alert: `<twinId>_<parameter>_<high|low>`. */
export function alertIdOf(twinId: string, parameter: string, direction: Direction): string {
  return `${twinId}_${parameter}_${direction}`;
}

/** Id of an occurrence: sorts by the time it was raised, unique because an alert is raised once at an instant. */
export function occurrenceIdOf(raisedAt: string, alertId: string): string {
  return `${new Date(raisedAt).toISOString()}~${alertId}`;
}

/** An occurrence still active this long after it was raised, by event time, is a persistent alert. */
export const PERSISTENT_AFTER_SECONDS = 300;

const alertKey = {
  alertId: z.string(),
  twinId: twinIdSchema,
  parameter: parameterKeySchema,
  direction: directionSchema,
  occurrenceId: z.string(),
};

/**
 * `limit` is the limit that was crossed, `value` the first value beyond it (for a cleared alert the first back inside); with
 * a delay, the one that completed it. `readingPosition` is its cause.
 */
export const alertRaisedV1 = z.object({
  ...alertKey,
  priority: prioritySchema,
  value: z.number(),
  limit: z.number(),
  unit: z.string(),
  raisedAt: instantSchema,
  readingPosition: positionSchema,
});
/** The value went past the trip limit while the alert was active, or the priority rose otherwise. */
export const alertEscalatedV1 = z.object({
  ...alertKey,
  priority: prioritySchema,
  value: z.number(),
  limit: z.number(),
  escalatedAt: instantSchema,
  readingPosition: positionSchema,
});
export const alertClearedV1 = z.object({
  ...alertKey,
  value: z.number(),
  clearedAt: instantSchema,
  peak: z.number(),
  readingPosition: positionSchema,
});
/** `persistedAt` is `raisedAt` + the window. `readingPosition` is null when the telemetry had fallen silent and the clock decided. */
export const alertPersistedV1 = z.object({
  ...alertKey,
  persistedAt: instantSchema,
  windowSeconds: z.number(),
  readingPosition: positionSchema.nullable(),
});
export const alertAcknowledgedV1 = z.object({
  ...alertKey,
  acknowledgedBy: z.string(),
  acknowledgedAt: instantSchema,
  note: z.string().max(500).optional(),
});

export type AlertEvent =
  | { type: 'AlertRaised'; data: z.infer<typeof alertRaisedV1> }
  | { type: 'AlertEscalated'; data: z.infer<typeof alertEscalatedV1> }
  | { type: 'AlertCleared'; data: z.infer<typeof alertClearedV1> }
  | { type: 'AlertPersisted'; data: z.infer<typeof alertPersistedV1> }
  | { type: 'AlertAcknowledged'; data: z.infer<typeof alertAcknowledgedV1> };

/** `occurrenceId` says which occurrence was seen; one that was raised anew since is then not acknowledged unseen. */
export const acknowledgeRequest = z.strictObject({
  note: z.string().max(500).optional(),
  occurrenceId: z.string().max(200).optional(),
});

const occurrenceFields = {
  alertId: z.string(),
  occurrenceId: z.string(),
  twinId: z.string(),
  site: z.string(),
  parameter: z.string(),
  direction: directionSchema,
  unit: z.string(),
  state: alarmStateSchema,
  priority: prioritySchema,
  value: z.number(),
  limit: z.number(),
  raisedAt: instantSchema,
  persistedAt: instantSchema.nullable(),
  clearedAt: instantSchema.nullable(),
  acknowledgedAt: instantSchema.nullable(),
  acknowledgedBy: z.string().nullable(),
  note: z.string().nullable(),
  readingPosition: z.string(),
  raisedPosition: z.string(),
  _position: z.number().int(),
};
/** Read model `alerts`: one document per alert with its current (or last) occurrence; `_id` = alertId; `occurrences` counts all so far. */
export const alertDocument = z.object({ _id: z.string(), occurrences: z.number().int(), ...occurrenceFields });
export type AlertDocument = z.infer<typeof alertDocument>;
/** Read model `alert_occurrences`; `_id` = occurrenceId, so that newest first is a descending `_id` range. */
export const occurrenceDocument = z.object({ _id: z.string(), ...occurrenceFields });
export type OccurrenceDocument = z.infer<typeof occurrenceDocument>;

/**
 * `GET /api/alerts`: all lists of the alarm page at once. Active = UNACK or ACKED, the value is outside; returned = RTNUN, back
 * inside before anybody acknowledged it; high risk = active with priority 1; persistent = active and persisted; latest = the
 * newest 18 occurrences.
 */
export const alertsView = z.object({
  active: z.array(alertDocument),
  returned: z.array(alertDocument),
  highRisk: z.array(alertDocument),
  persistent: z.array(alertDocument),
  latest: z.array(occurrenceDocument),
  position: positionSchema,
});
export type AlertsView = z.infer<typeof alertsView>;
/** The latest list holds this many. */
export const LATEST_ALERTS = 18;

/** `GET /api/alerts/history?twin=&before=&limit=`: occurrences, newest first; `next` continues the list. */
export const occurrencesPage = z.object({ occurrences: z.array(occurrenceDocument), next: z.string().nullable() });
export type OccurrencesPage = z.infer<typeof occurrencesPage>;
