import type { Direction } from '@stratum/contracts/alert/alert.ts';
import type { Limits, Priority } from '@stratum/contracts/twin/twin.ts';
import { type AlertState, type Cause, isActive, isPast, persistsAtMs } from './alert.ts';

/** One value of one parameter: where it lies in TELEMETRY, when it was observed (epoch ms), what it was. */
export type Observation = Cause & { value: number };

/** When a delay began to run: the first reading of an unbroken run beyond the limit, or back inside it. */
export type Pending = Cause | undefined;

/**
 * What is known of one direction of one parameter: whether the alert is active, and the delay that runs. `cause` is the
 * reading that decided last, `raisedAtMs` when the present or last occurrence was raised, `peak` its worst value so far.
 */
export type Side =
  | { is: 'normal'; cause: Cause | undefined; raisedAtMs: number; pending: Pending }
  | {
      is: 'active';
      cause: Cause;
      raisedAtMs: number;
      priority: Priority;
      peak: number;
      hasPersisted: boolean;
      pending: Pending;
    };

/** What is known of one parameter of one twin. `observedAtMs` is the newest observation judged. */
export type Memory = { observedAtMs: number; high: Side; low: Side };

/** What one observation changes about an alert. */
export type Verdict =
  | { verdict: 'raise'; direction: Direction; priority: Priority; limit: number }
  | { verdict: 'escalate'; direction: Direction; priority: Priority; limit: number }
  | { verdict: 'persist'; direction: Direction; raisedAtMs: number }
  | { verdict: 'clear'; direction: Direction; peak: number };

/** A side nothing is known of. */
export const calm: Side = { is: 'normal', cause: undefined, raisedAtMs: Number.NEGATIVE_INFINITY, pending: undefined };

/** A parameter nothing is known of. */
export const unseen: Memory = { observedAtMs: Number.NEGATIVE_INFINITY, high: calm, low: calm };

const nothing: readonly Verdict[] = [];

/**
 * Judges one observation of a parameter against its limits. Event time only: an observation older than the newest one
 * judged changes nothing, so readings out of order never flip a verdict back. A value beyond its limit for the
 * on-delay raises; one back inside by the deadband for the off-delay clears; one beyond the trip limit is critical.
 * The limits may differ from those of the last call: the verdict is then judged anew.
 */
export function judge(
  limits: Limits,
  memory: Memory,
  observation: Observation,
): { memory: Memory; verdicts: readonly Verdict[] } {
  const { atMs, value } = observation;
  if (isLate(memory, observation)) return { memory, verdicts: nothing };
  if (isIdle(memory.high) && isIdle(memory.low) && value <= limits.high && value >= limits.low) {
    return { memory: { observedAtMs: atMs, high: memory.high, low: memory.low }, verdicts: nothing };
  }
  const high = judgeSide(sideLimits(limits, 'high'), memory.high, observation);
  const low = judgeSide(sideLimits(limits, 'low'), memory.low, observation);
  return {
    memory: { observedAtMs: atMs, high: high.side, low: low.side },
    verdicts: [...high.verdicts, ...low.verdicts],
  };
}

/** What the log knows of an alert, as a side to go on from; `peak` is the worst value known of an active one. */
export function sideOf(state: AlertState, peak: number): Side {
  const raisedAtMs = state.occurrence === undefined ? Number.NEGATIVE_INFINITY : Date.parse(state.occurrence.raisedAt);
  if (!isActive(state)) return { is: 'normal', cause: state.cause, raisedAtMs, pending: undefined };
  const { priority, hasPersisted } = state.occurrence;
  return { is: 'active', cause: state.cause, raisedAtMs, priority, peak, hasPersisted, pending: undefined };
}

/**
 * What remains of one's own memory once the log says how an alert stands, after an event of one's own or of another
 * worker. A verdict newer than one's own replaces it; of an occurrence both know the log has the facts.
 */
export function reconcile(side: Side, state: AlertState, peak: number): Side {
  if (state.cause === undefined) return side;
  if (!isPast(side.cause, state.cause)) return sideOf(state, peak);
  if (side.is === 'normal' || !isActive(state)) return side;
  const { priority, hasPersisted, raisedAt } = state.occurrence;
  const raisedAtMs = Date.parse(raisedAt);
  if (raisedAtMs !== side.raisedAtMs) return { ...side, priority, hasPersisted, raisedAtMs };
  // The same occurrence: what was decided here since may still be on its way into the log.
  return { ...side, priority: lower(priority, side.priority), hasPersisted: hasPersisted || side.hasPersisted };
}

/** The worse of two values in a direction. */
export function worseOf(direction: Direction, one: number, other: number): number {
  return direction === 'high' ? Math.max(one, other) : Math.min(one, other);
}

type SideLimits = {
  direction: Direction;
  limit: number;
  trip: number | undefined;
  deadband: number;
  onDelayMs: number;
  offDelayMs: number;
  priority: Priority;
};

function sideLimits(limits: Limits, direction: Direction): SideLimits {
  return {
    direction,
    limit: direction === 'high' ? limits.high : limits.low,
    trip: direction === 'high' ? limits.tripHigh : limits.tripLow,
    deadband: limits.deadband,
    onDelayMs: limits.onDelaySeconds * 1000,
    offDelayMs: limits.offDelaySeconds * 1000,
    priority: limits.priority,
  };
}

type Judged = { side: Side; verdicts: readonly Verdict[] };

function judgeSide(limits: SideLimits, side: Side, observation: Observation): Judged {
  if (isPast(side.cause, observation)) return { side, verdicts: nothing };
  switch (side.is) {
    case 'normal':
      return judgeNormal(limits, side, observation);
    case 'active':
      return judgeActive(limits, side, observation);
  }
}

function judgeNormal(limits: SideLimits, side: Extract<Side, { is: 'normal' }>, observation: Observation): Judged {
  if (!isBeyond(limits.direction, observation.value, limits.limit)) {
    return { side: side.pending === undefined ? side : { ...side, pending: undefined }, verdicts: nothing };
  }
  const pending = side.pending ?? placeOf(observation);
  // An occurrence is named by the instant it is raised, so an alert is raised once at an instant.
  const isDue = observation.atMs - pending.atMs >= limits.onDelayMs && observation.atMs > side.raisedAtMs;
  if (!isDue) return { side: { ...side, pending }, verdicts: nothing };
  const { priority, limit } = urgencyOf(limits, observation.value);
  const raised: Side = {
    is: 'active',
    cause: placeOf(observation),
    raisedAtMs: observation.atMs,
    priority,
    peak: observation.value,
    hasPersisted: false,
    pending: undefined,
  };
  return { side: raised, verdicts: [{ verdict: 'raise', direction: limits.direction, priority, limit }] };
}

function judgeActive(limits: SideLimits, before: Extract<Side, { is: 'active' }>, observation: Observation): Judged {
  const { direction } = limits;
  const verdicts: Verdict[] = [];
  const side = { ...before, peak: worseOf(direction, before.peak, observation.value) };
  // Active until now: a reading after a long silence first makes the alert persistent, even if it then clears it.
  if (!side.hasPersisted && observation.atMs >= persistsAtMs(side.raisedAtMs)) {
    verdicts.push({ verdict: 'persist', direction, raisedAtMs: side.raisedAtMs });
    side.hasPersisted = true;
  }
  if (!isBackInside(limits, observation.value)) {
    side.pending = undefined;
    const { priority, limit } = urgencyOf(limits, observation.value);
    if (isBeyond(direction, observation.value, limits.limit) && priority < side.priority) {
      verdicts.push({ verdict: 'escalate', direction, priority, limit });
      side.priority = priority;
      side.cause = placeOf(observation);
    }
    return { side, verdicts };
  }
  side.pending ??= placeOf(observation);
  if (observation.atMs - side.pending.atMs < limits.offDelayMs) return { side, verdicts };
  verdicts.push({ verdict: 'clear', direction, peak: side.peak });
  const cleared: Side = {
    is: 'normal',
    cause: placeOf(observation),
    raisedAtMs: side.raisedAtMs,
    pending: undefined,
  };
  return { side: cleared, verdicts };
}

/**
 * Whether the parameter was judged by a newer observation. After a restart the log may be all that tells of it: the reading
 * behind a verdict counts once it is passed by place, because what lies before it is then still to be judged again.
 */
function isLate({ observedAtMs, high, low }: Memory, { sequence, atMs }: Observation): boolean {
  const isBehind = ({ cause }: Side) => cause !== undefined && sequence > cause.sequence && atMs < cause.atMs;
  return atMs < observedAtMs || isBehind(high) || isBehind(low);
}

function lower(one: Priority, other: Priority): Priority {
  return one < other ? one : other;
}

function isIdle(side: Side): boolean {
  return side.is === 'normal' && side.pending === undefined;
}

function isBeyond(direction: Direction, value: number, limit: number): boolean {
  return direction === 'high' ? value > limit : value < limit;
}

function isBackInside({ direction, limit, deadband }: SideLimits, value: number): boolean {
  return direction === 'high' ? value <= limit - deadband : value >= limit + deadband;
}

function urgencyOf(limits: SideLimits, value: number): { priority: Priority; limit: number } {
  const isTripped = limits.trip !== undefined && isBeyond(limits.direction, value, limits.trip);
  return isTripped && limits.trip !== undefined
    ? { priority: 1, limit: limits.trip }
    : { priority: limits.priority, limit: limits.limit };
}

function placeOf({ sequence, atMs }: Observation): Cause {
  return { sequence, atMs };
}
