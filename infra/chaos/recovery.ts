import { waitFor } from '../testing/waitFor.ts';
import type { Load } from './load.ts';

/** After this the plant counts as not well. */
const WELL_MS_MAX = 180_000;
/** A first start has a day of back-filled readings to work through. */
export const FIRST_WELL_MS_MAX = 600_000;
const LOOK_EVERY_MS = 100;
/** A twin of the plant's own simulator. */
const SIMULATED_TWIN = 'drillrig1';

type Health = { status: string; time: string };
type Twin = { state: { observedAt: string } | null };
type History = { rows: { position: string; observedAt: string }[] };
type Order = { order: { state: string } };

/**
 * Waits until the plant is well by every sign there is since an instant: every part says so; everything acknowledged until
 * now is in the read models, and so is a reading taken since, of an own device and of the simulator; an order placed now is
 * acknowledged, has reached a shopfloor, and is shown so.
 * @returns seconds that took
 * @throws Error when that takes longer than three minutes, or `msMax`
 */
export async function untilWell(
  load: Load,
  sinceMs: number,
  when: string,
  msMax: number = WELL_MS_MAX,
): Promise<number> {
  const { api, desk, floors, twinIds, ledger } = load;
  const until = (what: string, condition: () => Promise<boolean>) =>
    waitFor(condition, { what: `${what} ${when}`, msMax, pollMs: LOOK_EVERY_MS });
  const isFresh = (observedAt: string | undefined) => observedAt !== undefined && Date.parse(observedAt) > sinceMs;
  const newestOrder = ledger.acknowledged.orders.at(-1);

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
    until('the newest acknowledged order to be read', async () => {
      if (newestOrder === undefined) return true;
      const { orderId, position } = newestOrder;
      return (await api.ask(`/api/orders/${orderId}?after=${position}`)) !== undefined;
    }),
    desk.place().then(({ orderId, position }) =>
      until(`${orderId} to reach a shopfloor`, async () => {
        if (!floors.hasHeard(orderId)) return false;
        const view = (await api.ask(`/api/orders/${orderId}?after=${position}`)) as Order | undefined;
        return view !== undefined && !['Waiting', 'Held'].includes(view.order.state);
      }),
    ),
  ]);
  return (Date.now() - sinceMs) / 1000;
}
