import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { TestPlant } from '../testing/plant.ts';
import { waitFor } from '../testing/waitFor.ts';
import { type Api, apiAt } from './api.ts';
import { openDevices } from './devices.ts';
import { type Floors, openFloors } from './floors.ts';
import { type LedgerBook, openLedger } from './ledger.ts';
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
  ledger: LedgerBook;
  twinIds: readonly string[];
  desk: OrderDesk;
  floors: Floors;
  /** Resolves when so many more readings have been acknowledged, and one order more. */
  goOn(readings: number): Promise<void>;
  /** Sends much at once, waits for none of it, and resolves so many milliseconds later. */
  burst(ms: number): Promise<void>;
  /** Stops sending; resolves when everything sent is acknowledged and every order on the list is made. */
  drain(): Promise<void>;
};

export type LoadOptions = {
  plant: TestPlant;
  /** The way to the API. */
  web: { port: number };
  /** Where the senders keep their list. */
  ledgerFile: string;
  chance: () => number;
};

/** Commissions twins and shopfloors of its own and puts the plant under load until `drain`. */
export async function startLoad({ plant, web, ledgerFile, chance }: LoadOptions): Promise<Load> {
  const ledger = openLedger(ledgerFile);
  const mqttUrl = plant.urls.mqtt;
  const api = apiAt(`http://127.0.0.1:${web.port}`, plant.password);
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
      const { acknowledged } = ledger;
      const until = { readings: acknowledged.readings.length + readings, orders: acknowledged.orders.length + 1 };
      const isReached = () =>
        acknowledged.readings.length >= until.readings && acknowledged.orders.length >= until.orders;
      await waitFor(isReached, {
        what: `${readings} more readings and an order to be acknowledged`,
        msMax: DRAIN_MS_MAX,
      });
    },
    async burst(ms) {
      devices.burst(BURST_READINGS);
      // What fails is told by `drain`.
      for (let count = 0; count < BURST_ORDERS; count++) desk.place().catch(() => undefined);
      await wait(ms);
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
      await waitFor(() => floors.atWork() === 0 && ledger.acknowledged.orders.every(isMade), {
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
