import { Rejected } from '@stratum/contracts/decider.ts';
import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import type { Store } from '@stratum/infra/event-store/store.ts';
import { type CommissionShopfloor, shopfloor } from './shopfloor.ts';

/** The shopfloors of the first users; capacities are pieces per hour. */
const catalogueShopfloors: CommissionShopfloor['data'][] = [
  { shopfloorId: 'shopfloor1', name: 'Bottling', capacityPerHour: 12_000, heartbeatPeriodSeconds: 10 },
  { shopfloorId: 'shopfloor2', name: 'Moulding', capacityPerHour: 8_000, heartbeatPeriodSeconds: 10 },
  { shopfloorId: 'shopfloor3', name: 'Packing', capacityPerHour: 10_000, heartbeatPeriodSeconds: 10 },
];

/**
 * Commissions the first users' shopfloors. Running it again, or twice at once, changes nothing; a floor that somebody
 * commissioned otherwise is left alone.
 */
export async function seedShopfloors({ store, now }: { store: Store; now: () => Date }): Promise<void> {
  for (const floor of catalogueShopfloors) {
    const { shopfloorId } = floor;
    const command: CommissionShopfloor = {
      id: `seed:shopfloor:${shopfloorId}`,
      type: 'CommissionShopfloor',
      data: floor,
      actor: 'seed:shopfloor',
      correlationId: `seed:${shopfloorId}`,
      time: now().toISOString(),
    };
    try {
      await handle(store, shopfloor, { site: SITE_DEFAULT, entity: 'shopfloor', id: shopfloorId }, command);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
    }
  }
}
