import { randomUUID } from 'node:crypto';
import type { TestPlant } from '../testing/plant.ts';
import { waitFor } from '../testing/waitFor.ts';
import { type Api, apiAt } from './api.ts';
import { openDevices } from './devices.ts';
import { type Floors, openFloors } from './floors.ts';
import { emptyLedger, type Ledger } from './ledger.ts';
import { type OrderDesk, openOrderDesk } from './orders.ts';

const TWINS = 10;
const READINGS_PER_SECOND = 20;
const ORDER_EVERY_SECONDS = 2;
/** What comes at once just before a kill, so that it always falls into the middle of something. */
const BURST_READINGS = 200;
const BURST_ORDERS = 3;
/** After the load has stopped, what is under way is acknowledged and made within this time. */
const DRAIN_MS_MAX = 120_000;

/** Everybody who uses the plant while it is being killed, and their list of what they were promised. */
export type Load = AsyncDisposable & {
  api: Api;
  ledger: Ledger;
  twinIds: readonly string[];
  desk: OrderDesk;
  floors: Floors;
  /** Resolves when so many more readings have been acknowledged, and one order more. */
  goOn(readings: number): Promise<void>;
  /** Sends much at once and waits for none of it. */
  burst(): void;
  /** Stops sending; resolves when everything sent is acknowledged and every order on the list is made. */
  drain(): Promise<void>;
};

/** Commissions twins and shopfloors of its own and puts the plant under load until `drain`. */
export async function startLoad(plant: TestPlant, chance: () => number): Promise<Load> {
  const ledger = emptyLedger();
  const { web: webUrl, mqtt: mqttUrl } = plant.urls;
  const api = apiAt(webUrl, plant.password);
  const devices = await openDevices({ api, mqttUrl, twins: TWINS, perSecond: READINGS_PER_SECOND, ledger });
  const floors = await openFloors({ api, mqttUrl, ledger });
  const desk = openOrderDesk({ api, runId: randomUUID(), chance, ledger });
  devices.start();
  desk.start(ORDER_EVERY_SECONDS);

  return {
    api,
    ledger,
    twinIds: devices.twinIds,
    desk,
    floors,
    async goOn(readings) {
      const until = { readings: ledger.readings.length + readings, orders: ledger.orders.length + 1 };
      await waitFor(() => ledger.readings.length >= until.readings && ledger.orders.length >= until.orders, {
        what: `${readings} more readings and an order to be acknowledged`,
        msMax: DRAIN_MS_MAX,
      });
    },
    burst() {
      devices.burst(BURST_READINGS);
      // What fails is told by `drain`.
      for (let count = 0; count < BURST_ORDERS; count++) desk.place().catch(() => undefined);
    },
    async drain() {
      devices.stop();
      await desk.stop();
      await waitFor(() => devices.unacknowledged() === 0, {
        what: 'every reading to be acknowledged',
        msMax: DRAIN_MS_MAX,
      });
      const isMade = ({ orderId, quantity }: { orderId: string; quantity: number }) =>
        floors.reported(orderId) === quantity;
      await waitFor(() => floors.atWork() === 0 && ledger.orders.every(isMade), {
        what: 'every order to be made: an instruction may be lost',
        msMax: DRAIN_MS_MAX,
      });
      floors.fallSilent();
    },
    async [Symbol.asyncDispose]() {
      devices.stop();
      await Promise.all([devices.end(), floors.end()]);
    },
  };
}
