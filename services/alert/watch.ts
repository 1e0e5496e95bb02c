import { type AlertEvent, alertIdOf, type Direction, occurrenceIdOf } from '@stratum/contracts/alert/alert.ts';
import { type EventOf, type Instant, parsePosition, positionOf } from '@stratum/contracts/envelope.ts';
import type { PlantEvent, ReadingRecorded } from '@stratum/contracts/recorded.ts';
import type { Aggregate } from '@stratum/contracts/subjects.ts';
import { definitionAfter, isTwinEvent } from '@stratum/contracts/twin/definitions.ts';
import type { Parameter } from '@stratum/contracts/twin/twin.ts';
import { type AlertCommand, type AlertState, alertDecider, isActive, persistsAtMs } from './alert.ts';
import {
  judge,
  type Memory,
  type Observation,
  reconcile,
  type Side,
  unseen,
  type Verdict,
  worseOf,
} from './detection.ts';

/**
 * A delay that began more readings ago than this no longer holds a restart back: its twin has fallen silent. After a
 * restart its delay begins anew with the twin's next reading.
 */
export const HELD_BACK_READINGS_MAX = 20_000;

/** A command for one alert. */
export type AlertOrder = { aggregate: Aggregate; command: AlertCommand };

/** An active alert as the log knows it; `since` is the sequence of the reading that raised it. */
export type Standing = { aggregate: Aggregate; twinId: string; parameter: string; direction: Direction; since: number };

/**
 * What is known of every parameter of every twin, and what follows from the next reading. Learns from PLANT what twins
 * there are, which limits are in force and how alerts stand; judges readings of TELEMETRY, each once, in order. Holds
 * state, but no clock, no chance, no I/O: the same events and readings give the same orders.
 */
export type Watch = {
  /** Takes in one event of PLANT; events of other kinds change nothing. */
  learn(event: PlantEvent): void;
  /** `unknown`: no such twin was ever commissioned, as far as learned. */
  knows(twinId: string): 'in-service' | 'decommissioned' | 'unknown';
  /** Judges a reading and answers what to order; empty for nearly all readings. */
  observe(reading: ReadingRecorded): AlertOrder[];
  /** Takes note of when a reading judged before a restart was observed, so that later ones are known to be late. */
  prime(reading: ReadingRecorded): void;
  /**
   * The lowest sequence of a reading that a delay still runs from: a restart must begin no later. Never further back than
   * {@link HELD_BACK_READINGS_MAX}.
   */
  heldBack(): number | undefined;
  /** The alerts now active, to restore their worst values after a restart. */
  standing(): Standing[];
  /** Takes note of a value that an active alert had before a restart; nothing once it was raised anew. */
  restorePeak(standing: Standing, value: number): void;
  /** Which active alerts the clock must make persistent: raised, by event time and by the broker's, long enough ago. */
  due(nowMs: number): AlertOrder[];
};

type Known = { site: string; parameters: Map<string, Parameter> };
/** `since` is the sequence of the reading that raised it, `raisedRecordedAtMs` when the broker took the fact. */
type Alert = { aggregate: Aggregate; state: AlertState; peak: number; since: number; raisedRecordedAtMs: number };

/** Begins a watch that knows nothing. */
export function createWatch(): Watch {
  const twins = new Map<string, Known | 'decommissioned'>();
  const definitions = new Map<string, ReturnType<typeof definitionAfter>>();
  /** By twin and parameter. */
  const memories = new Map<string, Map<string, Memory>>();
  /** Alerts that were ever raised, by id; those active and not yet persistent once more, because they are looked at every second. */
  const alerts = new Map<string, Alert>();
  const mayPersist = new Set<Alert>();
  /** Sequence of the first reading of each delay that runs, by alert id. */
  const pendings = new Map<string, number>();
  let newest = 0;

  return {
    learn,
    knows: (twinId) => {
      const known = twins.get(twinId);
      return known === undefined ? 'unknown' : known === 'decommissioned' ? known : 'in-service';
    },
    observe,
    prime: ({ data, envelope }) => {
      const atMs = Date.parse(data.observedAt);
      for (const parameter of Object.keys(data.values)) {
        const memory = memoryOf(envelope.subject, parameter);
        if (atMs > memory.observedAtMs) remember(envelope.subject, parameter, { ...memory, observedAtMs: atMs });
      }
    },
    heldBack,
    standing: () => [...alerts.values()].flatMap(standingOf),
    restorePeak: ({ aggregate, twinId, parameter, direction, since }, value) => {
      const memory = memoryOf(twinId, parameter);
      const side = memory[direction];
      if (side.is === 'normal' || alerts.get(aggregate.id)?.since !== since) return;
      const peak = worseOf(direction, side.peak, value);
      remember(twinId, parameter, { ...memory, [direction]: { ...side, peak } });
    },
    due: (nowMs) => [...mayPersist].filter((alert) => isDue(alert, nowMs)).flatMap((alert) => byClock(alert, nowMs)),
  };

  function heldBack(): number | undefined {
    for (const [alertId, sequence] of pendings) {
      if (sequence < newest - HELD_BACK_READINGS_MAX) pendings.delete(alertId);
    }
    return pendings.size === 0 ? undefined : Math.min(...pendings.values());
  }

  function learn(event: PlantEvent): void {
    if (isTwinEvent(event)) {
      const { twinId } = event.data;
      const definition = definitionAfter(definitions.get(twinId), event);
      definitions.set(twinId, definition);
      twins.set(
        twinId,
        definition === undefined
          ? 'decommissioned'
          : { site: definition.site, parameters: new Map(definition.parameters.map((one) => [one.key, one])) },
      );
    } else if (isAlertEvent(event)) {
      learnAlert(event);
    }
  }

  function learnAlert(event: EventOf<AlertEvent>): void {
    const { alertId, twinId, parameter, direction } = event.data;
    const before = alerts.get(alertId);
    const state = alertDecider.evolve(before?.state ?? alertDecider.initial, event);
    const alert: Alert = {
      aggregate: { site: event.recorded.site, entity: 'alert', id: alertId },
      state,
      peak: peakAfter(before, event),
      ...(event.type === 'AlertRaised'
        ? {
            since: parsePosition(event.data.readingPosition).sequence,
            raisedRecordedAtMs: Date.parse(event.recorded.recordedAt),
          }
        : { since: before?.since ?? 0, raisedRecordedAtMs: before?.raisedRecordedAtMs ?? 0 }),
    };
    if (before !== undefined) mayPersist.delete(before);
    if (isActive(state) && !state.occurrence.hasPersisted) mayPersist.add(alert);
    alerts.set(alertId, alert);
    const memory = memoryOf(twinId, parameter);
    const side = reconcile(memory[direction], state, alert.peak);
    if (side === memory[direction]) return;
    remember(twinId, parameter, { ...memory, [direction]: side });
    notePending(alertId, side);
  }

  function observe({ data, envelope, recorded }: ReadingRecorded): AlertOrder[] {
    const twinId = envelope.subject;
    newest = Math.max(newest, recorded.sequence);
    const known = twins.get(twinId);
    if (known === undefined || known === 'decommissioned') return [];
    const atMs = Date.parse(data.observedAt);
    const orders: AlertOrder[] = [];
    for (const [key, value] of Object.entries(data.values)) {
      const parameter = known.parameters.get(key);
      if (parameter === undefined) continue;
      const before = memoryOf(twinId, key);
      const observation = { sequence: recorded.sequence, atMs, value };
      const { memory, verdicts } = judge(parameter.limits, before, observation);
      remember(twinId, key, memory);
      if (memory.high !== before.high) notePending(alertIdOf(twinId, key, 'high'), memory.high);
      if (memory.low !== before.low) notePending(alertIdOf(twinId, key, 'low'), memory.low);
      for (const verdict of verdicts) {
        orders.push(orderOf({ site: recorded.site, twinId, parameter }, verdict, observation));
      }
    }
    return orders;
  }

  function memoryOf(twinId: string, parameter: string): Memory {
    return memories.get(twinId)?.get(parameter) ?? unseen;
  }

  function remember(twinId: string, parameter: string, memory: Memory): void {
    const ofTwin = memories.get(twinId);
    if (ofTwin === undefined) memories.set(twinId, new Map([[parameter, memory]]));
    else ofTwin.set(parameter, memory);
  }

  function notePending(alertId: string, side: Side): void {
    if (side.pending === undefined) pendings.delete(alertId);
    else pendings.set(alertId, side.pending.sequence);
  }
}

function isAlertEvent(event: PlantEvent): event is EventOf<AlertEvent> {
  return event.recorded.entity === 'alert';
}

function peakAfter(before: Alert | undefined, event: AlertEvent): number {
  switch (event.type) {
    case 'AlertRaised':
      return event.data.value;
    case 'AlertEscalated':
      return worseOf(event.data.direction, before?.peak ?? event.data.value, event.data.value);
    case 'AlertCleared':
    case 'AlertPersisted':
    case 'AlertAcknowledged':
      return before?.peak ?? 0;
  }
}

function standingOf({ aggregate, state, since }: Alert): Standing[] {
  if (!isActive(state)) return [];
  const { twinId, parameter, direction } = state.occurrence;
  return [{ aggregate, twinId, parameter, direction, since }];
}

function isDue({ state, raisedRecordedAtMs }: Alert, nowMs: number): boolean {
  if (!isActive(state)) return false;
  return nowMs >= persistsAtMs(Math.max(raisedRecordedAtMs, Date.parse(state.occurrence.raisedAt)));
}

function byClock({ aggregate, state }: Alert, nowMs: number): AlertOrder[] {
  if (!isActive(state)) return [];
  const { twinId, parameter, direction, occurrenceId } = state.occurrence;
  const at = new Date(nowMs).toISOString();
  const command: AlertCommand = {
    ...sent(persistIdOf(occurrenceId), at, occurrenceId),
    type: 'PersistAlert',
    data: { twinId, parameter, direction, occurrenceId, at, readingPosition: null },
  };
  return [{ aggregate, command }];
}

type About = { site: string; twinId: string; parameter: Parameter };

/** The command that follows from a verdict. Its id follows from alert, verdict and reading: two workers order the same. */
function orderOf({ site, twinId, parameter }: About, verdict: Verdict, observation: Observation): AlertOrder {
  const { direction } = verdict;
  const alertId = alertIdOf(twinId, parameter.key, direction);
  const readingPosition = positionOf('TELEMETRY', observation.sequence);
  const at = new Date(observation.atMs).toISOString();
  const key = { twinId, parameter: parameter.key, direction };
  const common = sent(
    `alert:${readingPosition}:${alertId}:${verdict.verdict}:${observation.atMs}`,
    at,
    readingPosition,
  );
  const aggregate: Aggregate = { site, entity: 'alert', id: alertId };
  switch (verdict.verdict) {
    case 'raise': {
      const { priority, limit } = verdict;
      const found = { value: observation.value, limit, unit: parameter.unit, raisedAt: at, readingPosition };
      return { aggregate, command: { ...common, type: 'RaiseAlert', data: { ...key, priority, ...found } } };
    }
    case 'escalate': {
      const { priority, limit } = verdict;
      const found = { value: observation.value, limit, escalatedAt: at, readingPosition };
      return { aggregate, command: { ...common, type: 'EscalateAlert', data: { ...key, priority, ...found } } };
    }
    case 'clear': {
      const found = { value: observation.value, peak: verdict.peak, clearedAt: at, readingPosition };
      return { aggregate, command: { ...common, type: 'ClearAlert', data: { ...key, ...found } } };
    }
    case 'persist': {
      const occurrenceId = occurrenceIdOf(new Date(verdict.raisedAtMs).toISOString(), alertId);
      const id = persistIdOf(occurrenceId);
      return {
        aggregate,
        command: { ...common, id, type: 'PersistAlert', data: { ...key, occurrenceId, at, readingPosition } },
      };
    }
  }
}

/** By reading or by clock, of whichever worker: an occurrence turns persistent once. */
function persistIdOf(occurrenceId: string): string {
  return `alert:persist:${occurrenceId}`;
}

function sent(id: string, time: Instant, correlationId: string) {
  return { id, actor: 'reactor:alert', correlationId, time } as const;
}
