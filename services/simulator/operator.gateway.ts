import { setTimeout as sleep } from 'node:timers/promises';
import { alertsView } from '@stratum/contracts/alert/alert.ts';
import { commandAnswer } from '@stratum/contracts/http.ts';
import { type ApiClient, ApiRefused } from './api.gateway.ts';
import { plantTwins } from './plant.ts';

const LOOK_EVERY_MS = 15_000;
/** What has returned to normal stays this long on the alarm list, for whoever wants to see it. */
const RETURNED_MS_MIN = 120_000;

/**
 * The operator on shift: acknowledges alerts of the simulated twins that have returned to normal, so that the alarm list
 * shows what is wrong now. Alerts whose condition still holds, and those of other twins, are left to whoever looks.
 */
export async function keepWatch(api: ApiClient, signal: AbortSignal): Promise<void> {
  await api.isReady();
  while (!signal.aborted) {
    const view = await api.get('/api/alerts?state=RTNUN', alertsView);
    const returned = view.returned.filter(
      ({ twinId, clearedAt }) =>
        plantTwins.includes(twinId) && clearedAt !== null && Date.now() - Date.parse(clearedAt) >= RETURNED_MS_MIN,
    );
    for (const { alertId, occurrenceId } of returned) await acknowledge(api, alertId, occurrenceId);
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

async function acknowledge(api: ApiClient, alertId: string, occurrenceId: string): Promise<void> {
  try {
    const note = 'Back to normal';
    await api.post(`/api/alerts/${alertId}/acknowledge`, { note }, commandAnswer, `simulator-${occurrenceId}`);
  } catch (error) {
    // Somebody else was faster, or it is active again.
    if (!(error instanceof ApiRefused && error.status === 409)) throw error;
  }
}
