import { setTimeout as wait } from 'node:timers/promises';
import { waitFor } from '../testing/waitFor.ts';
import type { Load } from './load.ts';
import { kill, pidOf, type Target } from './victims.ts';

/** After this the plant counts as not well. A first start has a day of back-filled readings to work through. */
const WELL_MS_MAX = 180_000;
const LOOK_EVERY_MS = 100;
/** A twin of the plant's own simulator. */
const SIMULATED_TWIN = 'drillrig1';

type Health = { status: string; time: string };
type Twin = { state: { observedAt: string } | null };
type History = { rows: { position: string; observedAt: string }[] };
type Order = { order: { state: string } };

/**
 * Sends much at once, kills a victim `intoBurstMs` milliseconds later, and waits until it runs as another process and the
 * plant is well again.
 * @returns seconds from the kill
 * @throws Error when that takes longer than three minutes
 */
export async function killAndRecover(target: Target, load: Load, victim: string, intoBurstMs: number): Promise<number> {
  load.burst();
  await wait(intoBurstMs);
  const pidBefore = pidOf(target, victim);
  const startedMs = performance.now();
  const killedMs = Date.now();
  await kill(target, victim);
  const isBack = () => ![undefined, pidBefore].includes(pidOf(target, victim));
  await waitFor(isBack, { what: `${victim} to be started again`, msMax: WELL_MS_MAX });
  await untilWell(load, killedMs, `after ${victim} was killed`);
  return (performance.now() - startedMs) / 1000;
}

/**
 * Waits until the plant is well by every sign there is since an instant: every part says so, a reading taken since can be
 * read through the API (of an own device and of the simulator), and an order placed now has reached a shopfloor.
 * @throws Error when that takes longer than three minutes
 */
export async function untilWell(load: Load, sinceMs: number, when: string): Promise<void> {
  const { api, desk, floors, twinIds } = load;
  const until = (what: string, condition: () => Promise<boolean>) =>
    waitFor(condition, { what: `${what} ${when}`, msMax: WELL_MS_MAX, pollMs: LOOK_EVERY_MS });
  const isFresh = (observedAt: string | undefined) => observedAt !== undefined && Date.parse(observedAt) > sinceMs;

  await Promise.all([
    until('every part to be well', async () => {
      const health = (await api.ask('/health')) as Health | undefined;
      return health?.status === 'ok' && Date.parse(health.time) > sinceMs;
    }),
    until('a new reading to be read', async () => {
      const newest = ((await api.ask(`/api/twin/${twinIds[0]}/history?limit=1`)) as History | undefined)?.rows[0];
      if (newest === undefined || !isFresh(newest.observedAt)) return false;
      return (await api.ask(`/api/twin/${twinIds[0]}?after=${newest.position}`)) !== undefined;
    }),
    until('a new reading of the simulator', async () => {
      const twin = (await api.ask(`/api/twin/${SIMULATED_TWIN}`)) as Twin | undefined;
      return isFresh(twin?.state?.observedAt);
    }),
    desk.place().then((orderId) =>
      until(`${orderId} to reach a shopfloor`, async () => {
        if (!floors.hasHeard(orderId)) return false;
        const view = (await api.ask(`/api/orders/${orderId}`)) as Order | undefined;
        return view !== undefined && !['Waiting', 'Held'].includes(view.order.state);
      }),
    ),
  ]);
}
