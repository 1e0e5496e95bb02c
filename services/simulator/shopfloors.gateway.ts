import { join } from 'node:path';
import type { Logger } from '@stratum/infra/log.ts';
import type { MqttClient } from 'mqtt';
import { openFloor } from './floor.gateway.ts';
import { type FloorTraits, floorSchema } from './floor.ts';
import { keep } from './keep.gateway.ts';

const HEARTBEAT_EVERY_MS = 10_000;
/** Floors work in steps of this length; one that comes late (a machine that slept) counts as at most four. */
const STEP_MS = 500;
const STEPS_AT_ONCE_MAX = 4;
/** While the floors hurry they work this much faster than the clock, if the plant does not anyway. */
const HURRY = 60;

/** The floors by their own speeds and scrap, whatever the MES manager believes of them. */
const floorTraits = (seed: number): FloorTraits[] => [
  { shopfloorId: 'shopfloor1', seed: seed + 1, piecesPerHour: 11_400, scrapShare: 0.012 },
  { shopfloorId: 'shopfloor2', seed: seed + 2, piecesPerHour: 8_300, scrapShare: 0.035 },
  { shopfloorId: 'shopfloor3', seed: seed + 3, piecesPerHour: 9_600, scrapShare: 0.02 },
];

/** The simulated shopfloors at work. */
export type Shopfloors = {
  /** Ids of the orders that some floor has not finished. */
  openOrders: () => ReadonlySet<string>;
  /** Lets the floors work as fast as they can, or again at their own speed. */
  hurry: (isHurrying: boolean) => void;
  /** Stops the work and leaves the broker; resolves when what the floors remember is on disk. */
  end: () => Promise<void>;
};

/** Where the floors keep what they remember, and how fast the plant's time goes against the clock. */
export type ShopfloorsOptions = {
  connect: (clientName: string) => MqttClient;
  folder: string;
  plantId: string;
  seed: number;
  speed: number;
  logger: Logger;
};

/** Opens the three floors and lets them work. */
export async function openShopfloors(options: ShopfloorsOptions): Promise<Shopfloors> {
  const { connect, folder, plantId, seed, speed, logger } = options;
  const floors = await Promise.all(
    floorTraits(seed).map((traits) => {
      const kept = keep(join(folder, `${plantId}-${traits.shopfloorId}.json`), floorSchema);
      return openFloor(connect, traits, kept, logger);
    }),
  );
  let pace = speed;
  let steppedMs = performance.now();
  const work = () => {
    const nowMs = performance.now();
    const elapsedMs = Math.min(nowMs - steppedMs, STEPS_AT_ONCE_MAX * STEP_MS);
    steppedMs = nowMs;
    for (const floor of floors) floor.work((elapsedMs / 1000) * pace);
  };
  const beat = () => {
    for (const floor of floors) floor.beat();
  };
  const clocks = [setInterval(work, STEP_MS), setInterval(beat, HEARTBEAT_EVERY_MS)];
  return {
    openOrders: () => new Set(floors.flatMap((floor) => floor.openOrders())),
    hurry: (isHurrying) => {
      pace = isHurrying ? Math.max(speed, HURRY) : speed;
    },
    end: async () => {
      for (const clock of clocks) clearInterval(clock);
      await Promise.all(floors.map((floor) => floor.end()));
    },
  };
}
