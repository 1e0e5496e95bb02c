import type { AlertDocument, OccurrenceDocument } from '@stratum/contracts/alert/alert.ts';
import type { Parameter, Priority } from '@stratum/contracts/twin/twin.ts';

/** How urgent something is: 0 is normal, 1 the most urgent (as alarm consoles count). */
export type Severity = 0 | Priority;

/** The word that stands beside each mark. */
export const severityWords: Record<Severity, string> = { 0: 'Normal', 1: 'Critical', 2: 'High', 3: 'Low' };

/** The more urgent of two. */
export function worse(one: Severity, other: Severity): Severity {
  if (one === 0) return other;
  if (other === 0) return one;
  return one < other ? one : other;
}

/** What a value means against its own limits: critical beyond a trip limit, else the parameter's priority outside normal. */
export function severityOf(parameter: Parameter, value: number): Severity {
  const { low, high, tripLow, tripHigh, priority } = parameter.limits;
  if (tripHigh !== undefined && value >= tripHigh) return 1;
  if (tripLow !== undefined && value <= tripLow) return 1;
  return value > high || value < low ? priority : 0;
}

type Occurrence = AlertDocument | OccurrenceDocument;

/** Whether the value is still outside its limits. */
export function isActive(alert: Occurrence): boolean {
  return alert.state === 'UNACK' || alert.state === 'ACKED';
}

/** Whether the value came back before anybody acknowledged the alert. */
export function isReturned(alert: Occurrence): boolean {
  return alert.state === 'RTNUN';
}

/** Whether it still waits for an acknowledgement. */
export function isUnacknowledged(alert: Occurrence): boolean {
  return alert.state === 'UNACK' || alert.state === 'RTNUN';
}

/** Order of an alarm list: active before returned, unacknowledged before acknowledged, then priority, then newest. */
export function byUrgency(one: Occurrence, other: Occurrence): number {
  return (
    Number(isActive(other)) - Number(isActive(one)) ||
    Number(isUnacknowledged(other)) - Number(isUnacknowledged(one)) ||
    one.priority - other.priority ||
    other.raisedAt.localeCompare(one.raisedAt)
  );
}
