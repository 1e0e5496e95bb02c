import type { EventsPage } from '@stratum/contracts/http.ts';
import { events as contracts } from '@stratum/contracts/registry.ts';

/** An event as the log holds it, which knows no names. */
export type AuditedEvent = Omit<EventsPage['events'][number], 'actorName'>;

/** What an auditor asks for; what is left out matches everything. `subject` is the id of an aggregate. */
export type AuditFilter = { type?: string; entity?: string; subject?: string; actor?: string };

/**
 * The subject that holds all events that may match, so that the log's own index finds them. The type of an event tells
 * its entity.
 */
export function subjectFor({ type, entity, subject }: AuditFilter): string {
  const entityOfType = type !== undefined && Object.hasOwn(contracts, type) ? contracts[type]?.entity : undefined;
  return `plant.*.${entity ?? entityOfType ?? '*'}.${subject ?? '*'}`;
}

/** Whether the subject leaves anything out. */
export function isNarrow(subject: string): boolean {
  return subject !== 'plant.*.*.*';
}

/** Whether an event matches what its subject does not tell. */
export function matches(event: AuditedEvent, { type, actor }: AuditFilter): boolean {
  return (type === undefined || event.type === type) && (actor === undefined || event.actor === actor);
}

/** A stretch of the log, both ends included. */
export type Stretch = { from: number; to: number };

/** Sequences in the first stretch looked at; one request reads as many messages at most, so that it is never too dense. */
export const STRETCH_MIN = 1_000;
/** Sequences in the longest stretch: the log's index skips what does not match. */
export const STRETCH_MAX = 65_536;
/** A stretch with fewer matches than this is followed by one twice as long. */
const SPARSE = 100;

/** The next stretch towards the beginning of the log; `undefined` past its first event. */
export function stretchBefore(end: number, first: number, size: number): Stretch | undefined {
  return end < first ? undefined : { from: Math.max(first, end - size + 1), to: end };
}

/** How long the next stretch should be, after one that held `found` events of a narrow subject. */
export function nextSize(size: number, found: number, isNarrowed: boolean): number {
  return isNarrowed && found < SPARSE ? Math.min(STRETCH_MAX, size * 2) : size;
}
