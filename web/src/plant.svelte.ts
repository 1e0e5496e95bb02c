import { type AlertDocument, acknowledgeRequest, alertDocument, alertsView } from '@stratum/contracts/alert/alert.ts';
import { parsePosition } from '@stratum/contracts/envelope.ts';
import { commandAnswer } from '@stratum/contracts/http.ts';
import {
  type Parameter,
  type TwinDirectoryDocument,
  type TwinStateDocument,
  type TwinsView,
  type TwinView,
  twinDirectoryDocument,
  twinStateDocument,
  twinsView,
} from '@stratum/contracts/twin/twin.ts';
import { SvelteSet } from 'svelte/reactivity';
import { session } from './account/session.svelte.ts';
import { type ApiProblem, get, post } from './api.ts';
import { clock } from './clock.svelte.ts';
import { Documents } from './documents.svelte.ts';
import { live } from './live.svelte.ts';
import { Resource } from './resource.svelte.ts';
import { byUrgency, isActive, isReturned, isUnacknowledged, type Severity, severityOf, worse } from './severity.ts';

/** A value is stale when no reading came for this many reporting periods. */
export const STALE_AFTER_PERIODS = 3;

/** The plant is loaded in pages of this many twins, at most so many pages. */
const TWINS_PER_PAGE = 1_000;
const TWIN_PAGES_MAX = 10;

/** A twin with its newest reading, which is null before the first. */
export type Twin = { twin: TwinDirectoryDocument; state: TwinStateDocument | null };

/** The plant as it is now: twins, their newest readings, alerts that are on somebody's mind. Loaded once, then kept by the live feed, for every page. */
class Plant {
  #directory = new Documents<TwinDirectoryDocument>();
  #states = new Documents<TwinStateDocument>();
  #alerts = new Documents<AlertDocument>();
  /** Occurrences that this screen is acknowledging; shown as done at once. */
  #acknowledging = new SvelteSet<string>();
  #leave: (() => void)[] = [];
  #snapshot = new Resource((signal) => this.#loadAll(signal));
  /** False until twins are known. */
  isLoaded = $derived(this.#directory.isLoaded);
  /** False until alerts are known. */
  hasAlerts = $derived(this.#alerts.isLoaded);

  /** What went wrong when the plant was loaded last; undefined when nothing did. */
  get problem(): ApiProblem | undefined {
    return this.#snapshot.problem;
  }

  /** Every commissioned twin, in the order of its name. */
  twins: readonly Twin[] = $derived(
    this.#directory.list
      .filter((twin) => twin.status === 'commissioned')
      .toSorted((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }))
      .map((twin) => ({ twin, state: this.#states.get(twin._id) ?? null })),
  );

  /** Alerts that are active, or came back and wait for an acknowledgement; the most urgent first. */
  openAlerts: readonly AlertDocument[] = $derived(
    this.#alerts.list
      .map((alert) => (this.#acknowledging.has(alert.occurrenceId) ? acknowledged(alert) : alert))
      .filter((alert) => isActive(alert) || isReturned(alert))
      .toSorted(byUrgency),
  );

  /** Of these, the alerts whose value is outside now. */
  activeAlerts: readonly AlertDocument[] = $derived(this.openAlerts.filter(isActive));

  twin(twinId: string): Twin | undefined {
    return this.twins.find(({ twin }) => twin._id === twinId);
  }

  /** The open alerts of a twin, the most urgent first. */
  alertsOf(twinId: string): readonly AlertDocument[] {
    return this.openAlerts.filter((alert) => alert.twinId === twinId);
  }

  /** How urgent one parameter is: by its alert, else by its newest value. */
  severityOfParameter({ twin, state }: Twin, parameter: Parameter): Severity {
    const value = state?.values[parameter.key];
    return this.activeAlerts
      .filter((alert) => alert.twinId === twin._id && alert.parameter === parameter.key)
      .reduce<Severity>(
        (worst, alert) => worse(worst, alert.priority),
        value === undefined ? 0 : severityOf(parameter, value),
      );
  }

  /** How urgent the twin is: as its most urgent parameter. */
  severityOfTwin(twin: Twin): Severity {
    return twin.twin.parameters.reduce<Severity>(
      (worst, parameter) => worse(worst, this.severityOfParameter(twin, parameter)),
      0,
    );
  }

  /** Whether the twin has fallen silent. */
  isStale({ twin, state }: Twin): boolean {
    if (state === null) return true;
    return clock.now - Date.parse(state.recordedAt) > twin.reportingPeriodSeconds * STALE_AFTER_PERIODS * 1000;
  }

  /** Loads what the signed-in user may see and follows it. */
  start(): void {
    if (this.#leave.length > 0) return;
    if (session.may('twins:read')) {
      this.#leave.push(
        live.subscribe('twin_directory', twinDirectoryDocument, (changed) => this.#directory.merge(changed), this.load),
        live.subscribe(
          'twin_state',
          twinStateDocument,
          (changed) => this.#states.merge(changed),
          () => undefined,
        ),
      );
    }
    if (session.may('alerts:read')) {
      this.#leave.push(
        live.subscribe(
          'alerts',
          alertDocument,
          (changed) => this.#alerts.merge(changed),
          () => undefined,
        ),
      );
    }
    void this.load();
  }

  /** Forgets the plant, for the next user of this screen. */
  stop(): void {
    for (const leave of this.#leave.splice(0)) leave();
    this.#snapshot.stop();
    for (const documents of [this.#directory, this.#states, this.#alerts]) documents.clear();
    this.#acknowledging.clear();
  }

  /** Loads a snapshot. What goes wrong is left in `problem`; what is known stays. */
  load = (): Promise<void> => this.#snapshot.load();

  async #loadAll(signal: AbortSignal): Promise<void> {
    await Promise.all([
      session.may('twins:read') ? this.#loadTwins(signal) : undefined,
      session.may('alerts:read') ? this.#loadAlerts(signal) : undefined,
    ]);
  }

  /** Acknowledges an alert; shown at once, taken back if the server refuses. Throws an `ApiProblem`. */
  async acknowledge(alert: AlertDocument, note?: string): Promise<void> {
    this.#acknowledging.add(alert.occurrenceId);
    try {
      const body = acknowledgeRequest.parse(note === undefined || note === '' ? {} : { note });
      await post(commandAnswer, `/api/alerts/${encodeURIComponent(alert._id)}/acknowledge`, body);
    } catch (error) {
      this.#acknowledging.delete(alert.occurrenceId);
      throw error;
    }
  }

  async #loadTwins(signal: AbortSignal): Promise<void> {
    let from: string | null = null;
    const found: TwinView[] = [];
    for (let page = 0; page < TWIN_PAGES_MAX; page += 1) {
      const { twins, next }: TwinsView = await get(twinsView, '/api/twins', { from, limit: TWINS_PER_PAGE }, signal);
      this.#directory.add(twinsOf(twins));
      this.#states.add(twins.flatMap(({ state }) => (state === null ? [] : [state])));
      found.push(...twins);
      if (next === null) {
        // Whoever is not among them was decommissioned meanwhile.
        const [first] = found;
        if (first !== undefined) this.#directory.replace(twinsOf(found), plantSequence(first));
        return;
      }
      from = next;
    }
  }

  async #loadAlerts(signal: AbortSignal): Promise<void> {
    const { active, returned, position } = await get(alertsView, '/api/alerts', {}, signal);
    this.#alerts.replace([...active, ...returned], parsePosition(position).sequence);
  }
}

function twinsOf(views: readonly TwinView[]): TwinDirectoryDocument[] {
  return views.map(({ twin }) => twin);
}

/** How far in PLANT a view is as new as, at least; 0 if it does not say. */
function plantSequence({ position }: TwinView): number {
  const known = position.map(parsePosition).find(({ stream }) => stream === 'PLANT');
  return known?.sequence ?? 0;
}

/** How an alert will look once its acknowledgement is recorded. */
function acknowledged(alert: AlertDocument): AlertDocument {
  if (!isUnacknowledged(alert)) return alert;
  return { ...alert, state: isReturned(alert) ? 'NORM' : 'ACKED', acknowledgedBy: session.user?.name ?? null };
}

export const plant = new Plant();
