import type { OccurrenceDocument } from '@stratum/contracts/alert/alert.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import type { Folded, ProjectedEvent, Projection } from '@stratum/infra/projector/projection.ts';

/** No reading is believed that is five minutes ahead of its record, nor is an alert; as much again for clocks that differ. */
const AHEAD_MS_MAX = 600_000;

/** Every time an alert went active, as one document that follows it until it is done with: `_id` sorts by when it was raised. */
export const alertOccurrences: Projection<OccurrenceDocument> = {
  name: 'alert_occurrences',
  version: 1,
  stream: 'PLANT',
  // The last one is for browsers that come back and are sent what has changed since.
  indexes: [['twinId', '_id'], ['_position']],
  bornBy: (_sequence, recordedAt) => ({
    field: '_id',
    atMost: new Date(Date.parse(recordedAt) + AHEAD_MS_MAX).toISOString(),
  }),
  keys: (event) => (isAboutAlert(event) ? [event.data.occurrenceId] : []),
  fold: (document, event) => (isAboutAlert(event) ? foldOccurrence(document, event) : document),
};

/** The facts of an alert. */
export type AlertFact = Extract<
  PlantEvent,
  { type: 'AlertRaised' | 'AlertEscalated' | 'AlertCleared' | 'AlertPersisted' | 'AlertAcknowledged' }
>;

/** What every occurrence has, whichever document holds it. */
export type Occurrence = Omit<Folded<OccurrenceDocument>, '_id'>;

/** Whether an event belongs to an alert. */
export function isAboutAlert(event: ProjectedEvent): event is AlertFact {
  switch (event.type) {
    case 'AlertRaised':
    case 'AlertEscalated':
    case 'AlertCleared':
    case 'AlertPersisted':
    case 'AlertAcknowledged':
      return true;
    default:
      return false;
  }
}

function foldOccurrence(
  document: OccurrenceDocument | undefined,
  event: AlertFact,
): Folded<OccurrenceDocument> | undefined {
  if (event.type === 'AlertRaised') return document ?? { _id: event.data.occurrenceId, ...raisedOccurrence(event) };
  return document === undefined ? undefined : { ...document, ...changesOf(document, event) };
}

/** An occurrence as it begins: active, not acknowledged. */
export function raisedOccurrence(event: Extract<AlertFact, { type: 'AlertRaised' }>): Occurrence {
  return {
    ...event.data,
    site: event.recorded.site,
    state: 'UNACK',
    persistedAt: null,
    clearedAt: null,
    acknowledgedAt: null,
    acknowledgedBy: null,
    note: null,
    raisedPosition: event.recorded.position,
  };
}

/** What a later fact changes about an occurrence. Acknowledged and back to normal, in either order, is NORM. */
export function changesOf(
  { state }: Pick<Occurrence, 'state'>,
  event: Exclude<AlertFact, { type: 'AlertRaised' }>,
): Partial<Occurrence> {
  switch (event.type) {
    case 'AlertEscalated': {
      const { priority, value, limit } = event.data;
      return { priority, value, limit };
    }
    case 'AlertPersisted':
      return { persistedAt: event.data.persistedAt };
    case 'AlertCleared':
      return { state: state === 'ACKED' ? 'NORM' : 'RTNUN', clearedAt: event.data.clearedAt };
    case 'AlertAcknowledged': {
      const { acknowledgedAt, acknowledgedBy, note = null } = event.data;
      return { state: state === 'RTNUN' ? 'NORM' : 'ACKED', acknowledgedAt, acknowledgedBy, note };
    }
  }
}
