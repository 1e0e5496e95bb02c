import { setTimeout as sleep } from 'node:timers/promises';
import { commandAnswer } from '@stratum/contracts/http.ts';
import { shopfloorsView } from '@stratum/contracts/shopfloor/shopfloor.ts';
import type { Logger } from '@stratum/infra/log.ts';
import { z } from 'zod';
import type { ApiClient } from './api.gateway.ts';
import type { Kept } from './keep.gateway.ts';
import { minutesUntilNext, OPENING_MADE, OPENING_ORDERS, orderAt } from './orders.ts';
import type { Shopfloors } from './shopfloors.gateway.ts';

/** How far the simulated ERP owner has come: the number of the next order. */
export const deskSchema = z.object({ plantId: z.string(), next: z.number().int().min(0) });
export type Desk = z.infer<typeof deskSchema>;

/** With so many orders open none is added. */
const OPEN_MAX = 8;
const FLOORS = 3;
/** How long the first orders wait for all floors to be live, and for the first of them to be made. */
const FLOORS_MS_MAX = 30_000;
const MADE_MS_MAX = 60_000;
const LOOK_EVERY_MS = 500;

export type OrderDesk = {
  api: ApiClient;
  kept: Kept<Desk>;
  plantId: string;
  seed: number;
  /** The plant's clock against the wall's. */
  speed: number;
  shopfloors: Pick<Shopfloors, 'openOrders' | 'hurry'>;
  logger: Logger;
  signal: AbortSignal;
};

/**
 * Places orders until the signal: at a first start a dozen, the first of which are made at once while the floors hurry;
 * then one every ten minutes of the plant's time, as long as not too many are open. Goes on after a restart.
 */
export async function placeOrders(desk: OrderDesk): Promise<void> {
  const { api, kept, plantId, seed, speed, shopfloors, signal } = desk;
  await api.isReady();
  const remembered = await kept.read();
  let next = remembered?.plantId === plantId ? remembered.next : 0;
  const placeNext = async () => {
    await place(desk, next);
    next += 1;
    await kept.write({ plantId, next });
  };

  if (next < OPENING_ORDERS) await floorsAreLive(desk);
  if (next < OPENING_MADE) {
    shopfloors.hurry(true);
    try {
      while (next < OPENING_MADE) await placeNext();
      await allIsMade(desk);
    } finally {
      shopfloors.hurry(false);
    }
  }
  while (next < OPENING_ORDERS) await placeNext();
  while (!signal.aborted) {
    await sleep((minutesUntilNext(seed, next) * 60_000) / speed, undefined, { signal });
    if (shopfloors.openOrders().size < OPEN_MAX) await placeNext();
  }
}

async function place({ api, plantId, seed, speed, logger }: OrderDesk, index: number): Promise<void> {
  const { dueInMinutes, ...order } = orderAt(seed, index);
  const due = dueInMinutes === undefined ? {} : { dueAt: dueAt(dueInMinutes / speed) };
  const key = `simulator-${plantId}-${index}`;
  const { id } = await api.post('/api/orders', { ...order, ...due }, commandAnswer, key);
  logger.info({ orderId: id, index, ...order }, 'order placed');
}

function dueAt(inMinutes: number): string {
  return new Date(Date.now() + inMinutes * 60_000).toISOString();
}

/** Orders are split over live floors only, so the first ones wait until all have been seen. */
async function floorsAreLive({ api, signal }: OrderDesk): Promise<void> {
  const deadline = performance.now() + FLOORS_MS_MAX;
  while (performance.now() < deadline) {
    const { shopfloors } = await api.get('/api/shopfloors', shopfloorsView);
    if (shopfloors.filter(({ shopfloor }) => shopfloor.isLive).length >= FLOORS) return;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

async function allIsMade({ shopfloors, signal }: OrderDesk): Promise<void> {
  const deadline = performance.now() + MADE_MS_MAX;
  // The instructions of the last order take a moment to arrive.
  for (
    let quiet = 0;
    quiet < 4 && performance.now() < deadline;
    quiet = shopfloors.openOrders().size === 0 ? quiet + 1 : 0
  ) {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}
