import type { Instant } from '@stratum/contracts/envelope.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { canWork, type FloorThen, type OrderCommand } from './order.ts';

/** A command an event gives reason to, without what only the shell knows: id, actor, correlation. `time` is when it happened. */
export type OrderWish = WishOf<OrderCommand> & { site: string; orderId: string };
type WishOf<C extends OrderCommand> = C extends OrderCommand ? Pick<C, 'type' | 'data' | 'time'> : never;

/**
 * The shopfloors and the held orders of every site, as of one position of the log. It is changed in place, unlike all other
 * state: a copy per event costs the square of what is held (with 10,000 held orders a start took 18 s instead of 3).
 */
export type Planning = {
  floors: Map<string, FloorThen & { site: string }>;
  /** Site by order id, oldest first. */
  held: Map<string, string>;
};

/** Nothing is known yet. */
export function newPlanning(): Planning {
  return { floors: new Map(), held: new Map() };
}

/** Takes one more event into the planning. The same event twice changes nothing. */
export function learn({ floors, held }: Planning, event: PlantEvent): void {
  const { site } = event.recorded;
  switch (event.type) {
    case 'ShopfloorCommissioned': {
      const { shopfloorId, capacityPerHour } = event.data;
      floors.set(shopfloorId, { shopfloorId, capacityPerHour, isLive: false, site });
      return;
    }
    case 'CapacitySet':
      changeFloor(floors, event.data.shopfloorId, { capacityPerHour: event.data.capacityPerHour });
      return;
    case 'ShopfloorWentSilent':
      changeFloor(floors, event.data.shopfloorId, { isLive: false });
      return;
    case 'ShopfloorReturned':
      changeFloor(floors, event.data.shopfloorId, { isLive: true });
      return;
    case 'OrderHeld':
      held.set(event.data.orderId, site);
      return;
    case 'OrderDistributed':
      held.delete(event.data.orderId);
      return;
    default:
      return;
  }
}

/**
 * What an event gives the orders reason to do; `planning` is as of that event, so that a replay wishes the same.
 *
 * A placed order is distributed over the floors there are. A held one waits for a floor: if one returned while it was
 * being held it is distributed at once, else with the next floor that returns or gets capacity.
 */
export function wishesOn(planning: Planning, event: PlantEvent): OrderWish[] {
  const { site } = event.recorded;
  switch (event.type) {
    case 'OrderPlaced':
      return [distribution(planning, site, event.data.orderId, event.envelope.occurredAt)];
    case 'OrderHeld':
    case 'ShopfloorReturned':
    case 'CapacitySet': {
      if (!floorsOf(planning, site).some(canWork)) return [];
      const waiting = event.type === 'OrderHeld' ? [event.data.orderId] : heldAt(planning, site);
      return waiting.map((orderId) => distribution(planning, site, orderId, event.envelope.occurredAt));
    }
    case 'WorkReported': {
      const { orderId, jobId, goodTotal: good, defectiveTotal: defective, jobCompleted, reportedAt: time } = event.data;
      return [{ type: 'RecordProgress', data: { orderId, jobId, good, defective, jobCompleted }, time, site, orderId }];
    }
    case 'OrderProgressed': {
      if (!event.data.jobCompleted) return [];
      const { orderId } = event.data;
      const completedAt = earlierOf(event.envelope.occurredAt, event.recorded.recordedAt);
      return [{ type: 'CompleteOrder', data: { orderId, completedAt }, time: completedAt, site, orderId }];
    }
    default:
      return [];
  }
}

function distribution(planning: Planning, site: string, orderId: string, time: Instant): OrderWish {
  const capacities = floorsOf(planning, site);
  return { type: 'DistributeOrder', data: { orderId, capacities }, time, site, orderId };
}

function floorsOf(planning: Planning, site: string): FloorThen[] {
  return [...planning.floors.values()]
    .filter((floor) => floor.site === site)
    .map(({ shopfloorId, capacityPerHour, isLive }) => ({ shopfloorId, capacityPerHour, isLive }));
}

function heldAt(planning: Planning, site: string): string[] {
  return [...planning.held].filter(([, orderSite]) => orderSite === site).map(([orderId]) => orderId);
}

function changeFloor(floors: Planning['floors'], shopfloorId: string, change: Partial<FloorThen>): void {
  const floor = floors.get(shopfloorId);
  if (floor !== undefined) floors.set(shopfloorId, { ...floor, ...change });
}

/** A floor's clock may run ahead of the log's, but nothing is completed in the future. */
function earlierOf(claimed: Instant, recorded: Instant): Instant {
  return Date.parse(claimed) < Date.parse(recorded) ? claimed : recorded;
}
