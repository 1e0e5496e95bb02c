import type { AlertDocument } from '@stratum/contracts/alert/alert.ts';
import type { Folded, Projection } from '@stratum/infra/projector/projection.ts';
import { type AlertFact, changesOf, isAboutAlert, raisedOccurrence } from './alert-occurrences.ts';

/** Every alert with its current, or else its last, occurrence: few documents, so the alarm page reads them all. */
export const alerts: Projection<AlertDocument> = {
  name: 'alerts',
  version: 1,
  stream: 'PLANT',
  indexes: [['state']],
  keys: (event) => (isAboutAlert(event) ? [event.data.alertId] : []),
  fold: (document, event) => (isAboutAlert(event) ? foldAlert(document, event) : document),
};

/** A fact about an earlier occurrence, such as a late acknowledgement, leaves the current one as it is. */
function foldAlert(document: AlertDocument | undefined, event: AlertFact): Folded<AlertDocument> | undefined {
  if (event.type === 'AlertRaised') {
    return { _id: event.data.alertId, occurrences: (document?.occurrences ?? 0) + 1, ...raisedOccurrence(event) };
  }
  if (document === undefined || document.occurrenceId !== event.data.occurrenceId) return document;
  return { ...document, ...changesOf(document, event) };
}
