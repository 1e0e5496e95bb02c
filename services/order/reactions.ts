import type { Instant } from '@stratum/contracts/envelope.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { canWork, type FloorThen, type OrderCommand } from './order.ts';

/** A command an event gives reason to, without what only the shell knows: id, actor, correlation. `time` is when it happened. */
export type OrderWish = WishOf<OrderCommand> & { site: string; orderId: string };
type WishOf<C extends OrderCommand> = C extends OrderCommand ? Pick<C, 'type' | 'data' | 'time'> : never;

/** The shopfloors and the held orders of every site, as of one position of the log. */
export type Planning = {
  floors: ReadonlyMap<string, FloorThen & { site: string }>;
  /** Site by order id, oldest first. */
  held: ReadonlyMap<string, string>;
};

export const nothingPlanned: Planning = { floors: new Map(), held: new Map() };

/** The planning after one more event. The same event twice changes nothing. */
export function learn(planning: Planning, event: PlantEvent): Planning {
  const { site } = event.recorded;
  switch (event.type) {
    case 'ShopfloorCommissioned': {
      const { shopfloorId, capacityPerHour } = event.data;
      return withFloor(planning, { shopfloorId, capacityPerHour, isLive: false, site });
    }
    case 'CapacitySet':
      return changeFloor(planning, event.data.shopfloorId, { capacityPerHour: event.data.capacityPerHour });
    case 'ShopfloorWentSilent':
      return changeFloor(planning, event.data.shopfloorId, { isLive: false });
    case 'ShopfloorReturned':
      return changeFloor(planning, event.data.shopfloorId, { isLive: true });
    case 'OrderHeld':
      return { ...planning, held: new Map(planning.held).set(event.data.orderId, site) };
    case 'OrderDistributed': {
      if (!planning.held.has(event.data.orderId)) return planning;
      return { ...planning, held: new Map([...planning.held].filter(([orderId]) => orderId !== event.data.orderId)) };
    }
    default:
      return planning;
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

function withFloor(planning: Planning, floor: FloorThen & { site: string }): Planning {
  return { ...planning, floors: new Map(planning.floors).set(floor.shopfloorId, floor) };
}

function changeFloor(planning: Planning, shopfloorId: string, change: Partial<FloorThen>): Planning {
  const floor = planning.floors.get(shopfloorId);
  return floor === undefined ? planning : withFloor(planning, { ...floor, ...change });
}

/** A floor's clock may run ahead of the log's, but nothing is completed in the future. */
function earlierOf(claimed: Instant, recorded: Instant): Instant {
  return Date.parse(claimed) < Date.parse(recorded) ? claimed : recorded;
}
