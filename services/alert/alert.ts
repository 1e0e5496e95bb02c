import {
  type AlertEvent,
  alertIdOf,
  type Direction,
  occurrenceIdOf,
  PERSISTENT_AFTER_SECONDS,
} from '@stratum/contracts/alert/alert.ts';
import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import { type Command, type Instant, type Position, parsePosition } from '@stratum/contracts/envelope.ts';
import type { Priority } from '@stratum/contracts/twin/twin.ts';

/** Which alert a command means; its id is `alertIdOf` of the three. */
export type AlertKey = { twinId: string; parameter: string; direction: Direction };

/**
 * What may be wished of an alert. All but `AcknowledgeAlert` come from a verdict over a reading, which `readingPosition`
 * names; `PersistAlert` without one comes from the clock, because telemetry had fallen silent. `at` is event time, or
 * the clock's.
 */
export type AlertCommand =
  | Command<
      'RaiseAlert',
      AlertKey & {
        priority: Priority;
        value: number;
        limit: number;
        unit: string;
        raisedAt: Instant;
        readingPosition: Position;
      }
    >
  | Command<
      'EscalateAlert',
      AlertKey & { priority: Priority; value: number; limit: number; escalatedAt: Instant; readingPosition: Position }
    >
  | Command<'ClearAlert', AlertKey & { value: number; peak: number; clearedAt: Instant; readingPosition: Position }>
  | Command<'PersistAlert', AlertKey & { occurrenceId: string; at: Instant; readingPosition: Position | null }>
  | Command<
      'AcknowledgeAlert',
      { acknowledgedBy: string; note?: string | undefined; occurrenceId?: string | undefined }
    >;

/** One time that an alert was active. */
export type Occurrence = AlertKey & {
  alertId: string;
  occurrenceId: string;
  raisedAt: Instant;
  priority: Priority;
  hasPersisted: boolean;
};

/** The reading behind the newest verdict: its place in TELEMETRY and when it was observed, epoch milliseconds. */
export type Cause = { sequence: number; atMs: number };

/** An alert by its ISA-18.2 state; `occurrence` is the present one or, in NORM, the last. */
export type AlertState =
  | { status: 'NORM'; occurrence: Occurrence | undefined; cause: Cause | undefined }
  | ActiveAlert
  | { status: 'RTNUN'; occurrence: Occurrence; cause: Cause };

/** An alert whose condition holds. */
export type ActiveAlert = { status: 'UNACK' | 'ACKED'; occurrence: Occurrence; cause: Cause };

/**
 * The rules of an alert: raised, escalated and cleared by verdicts, persistent after {@link PERSISTENT_AFTER_SECONDS},
 * acknowledged by people. Verdicts that change nothing, or whose reading lies before the one that decided last, decide
 * `[]`: two workers over the same readings make one occurrence. Refuses `AcknowledgeAlert` with `UnknownAlert` (never
 * raised), `OccurrenceChanged` (the one that was seen is not the present one), `AlertNotActive` (nothing waits to be
 * acknowledged) and `AlreadyAcknowledged`.
 */
export const alertDecider: Decider<AlertState, AlertCommand, AlertEvent> = {
  entity: 'alert',
  initial: { status: 'NORM', occurrence: undefined, cause: undefined },
  decide: decideAlert,
  evolve: evolveAlert,
};

function decideAlert(state: AlertState, command: AlertCommand): AlertEvent[] {
  switch (command.type) {
    case 'RaiseAlert':
      return raise(state, command);
    case 'EscalateAlert': {
      const { priority, value, limit, escalatedAt, readingPosition } = command.data;
      if (!isActive(state) || isPast(state.cause, causeOf(readingPosition, escalatedAt))) return [];
      if (priority >= state.occurrence.priority) return [];
      const fields = { priority, value, limit, escalatedAt, readingPosition };
      return [{ type: 'AlertEscalated', data: { ...keyOf(state.occurrence), ...fields } }];
    }
    case 'ClearAlert': {
      const { value, peak, clearedAt, readingPosition } = command.data;
      if (!isActive(state) || isPast(state.cause, causeOf(readingPosition, clearedAt))) return [];
      return [{ type: 'AlertCleared', data: { ...keyOf(state.occurrence), value, clearedAt, peak, readingPosition } }];
    }
    case 'PersistAlert':
      return persist(state, command);
    case 'AcknowledgeAlert': {
      const { acknowledgedBy, note, occurrenceId } = command.data;
      const fields = { acknowledgedBy, acknowledgedAt: command.time, ...(note === undefined ? {} : { note }) };
      return [{ type: 'AlertAcknowledged', data: { ...keyOf(acknowledgeable(state, occurrenceId)), ...fields } }];
    }
  }
}

function evolveAlert(state: AlertState, event: AlertEvent): AlertState {
  switch (event.type) {
    case 'AlertRaised': {
      const { alertId, occurrenceId, twinId, parameter, direction, raisedAt, priority, readingPosition } = event.data;
      const key = { alertId, occurrenceId, twinId, parameter, direction };
      const occurrence = { ...key, raisedAt, priority, hasPersisted: false };
      return { status: 'UNACK', occurrence, cause: causeOf(readingPosition, raisedAt) };
    }
    case 'AlertEscalated': {
      if (!isActive(state)) return state;
      const { priority, readingPosition, escalatedAt } = event.data;
      return { ...state, occurrence: { ...state.occurrence, priority }, cause: causeOf(readingPosition, escalatedAt) };
    }
    case 'AlertCleared': {
      if (!isActive(state)) return state;
      const cause = causeOf(event.data.readingPosition, event.data.clearedAt);
      return { status: state.status === 'ACKED' ? 'NORM' : 'RTNUN', occurrence: state.occurrence, cause };
    }
    case 'AlertPersisted':
      if (!isActive(state)) return state;
      return { ...state, occurrence: { ...state.occurrence, hasPersisted: true } };
    case 'AlertAcknowledged':
      if (isActive(state)) return { ...state, status: 'ACKED' };
      return { ...state, status: 'NORM' };
  }
}

/** Whether the condition holds: UNACK or ACKED. */
export function isActive(state: AlertState): state is ActiveAlert {
  return state.status === 'UNACK' || state.status === 'ACKED';
}

/**
 * Whether a reading lies before the one that decided last, by place and by event time. Both are asked for: a TELEMETRY
 * stream that was lost and begins again at 1 must not leave the plant without alerts.
 */
export function isPast(decided: Cause | undefined, reading: Cause): boolean {
  return decided !== undefined && reading.sequence <= decided.sequence && reading.atMs <= decided.atMs;
}

/** The instant an occurrence turns persistent if it is still active: raised + {@link PERSISTENT_AFTER_SECONDS}, epoch ms. */
export function persistsAtMs(raisedAtMs: number): number {
  return raisedAtMs + PERSISTENT_AFTER_SECONDS * 1000;
}

function raise(state: AlertState, { data }: Extract<AlertCommand, { type: 'RaiseAlert' }>): AlertEvent[] {
  if (isActive(state) || isPast(state.cause, causeOf(data.readingPosition, data.raisedAt))) return [];
  // The instant an alert is raised names the occurrence, so there is one per alert and instant.
  const isSameInstant =
    state.occurrence !== undefined && Date.parse(data.raisedAt) <= Date.parse(state.occurrence.raisedAt);
  if (isSameInstant) return [];
  const alertId = alertIdOf(data.twinId, data.parameter, data.direction);
  return [{ type: 'AlertRaised', data: { alertId, occurrenceId: occurrenceIdOf(data.raisedAt, alertId), ...data } }];
}

function persist(state: AlertState, { data }: Extract<AlertCommand, { type: 'PersistAlert' }>): AlertEvent[] {
  if (!isActive(state) || state.occurrence.hasPersisted) return [];
  if (state.occurrence.occurrenceId !== data.occurrenceId) return [];
  const dueMs = persistsAtMs(Date.parse(state.occurrence.raisedAt));
  if (Date.parse(data.at) < dueMs) return [];
  const fields = {
    persistedAt: new Date(dueMs).toISOString(),
    windowSeconds: PERSISTENT_AFTER_SECONDS,
    readingPosition: data.readingPosition,
  };
  return [{ type: 'AlertPersisted', data: { ...keyOf(state.occurrence), ...fields } }];
}

function acknowledgeable(state: AlertState, seenId: string | undefined): Occurrence {
  if (seenId !== undefined && state.occurrence !== undefined && state.occurrence.occurrenceId !== seenId) {
    const { alertId } = state.occurrence;
    throw new Rejected('OccurrenceChanged', `${alertId} was raised anew since it was looked at.`, 'occurrenceId');
  }
  switch (state.status) {
    case 'UNACK':
    case 'RTNUN':
      return state.occurrence;
    case 'ACKED':
      throw new Rejected('AlreadyAcknowledged', `${state.occurrence.alertId} is already acknowledged.`);
    case 'NORM':
      if (state.occurrence === undefined) throw new Rejected('UnknownAlert', 'This alert was never raised.');
      throw new Rejected('AlertNotActive', `${state.occurrence.alertId} is normal; there is nothing to acknowledge.`);
  }
}

function keyOf({ alertId, occurrenceId, twinId, parameter, direction }: Occurrence) {
  return { alertId, occurrenceId, twinId, parameter, direction };
}

function causeOf(readingPosition: Position, at: Instant): Cause {
  return { sequence: parsePosition(readingPosition).sequence, atMs: Date.parse(at) };
}
