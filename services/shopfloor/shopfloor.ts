import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command, Instant } from '@stratum/contracts/envelope.ts';
import type { ShopfloorEvent } from '@stratum/contracts/shopfloor/shopfloor.ts';

/** `capacityPerHour` is pieces per hour. */
export type CommissionShopfloor = Command<
  'CommissionShopfloor',
  { shopfloorId: string; name: string; capacityPerHour: number; heartbeatPeriodSeconds: number }
>;
export type SetCapacity = Command<'SetCapacity', { shopfloorId: string; capacityPerHour: number }>;
/** Nothing was heard since `lastSeenAt` (null: ever), which is longer ago than `silentAfterSeconds`. */
export type MarkSilent = Command<
  'MarkSilent',
  { shopfloorId: string; lastSeenAt: Instant | null; silentAfterSeconds: number }
>;
/** A sign of life arrived at `seenAt`, by the broker's clock. */
export type MarkReturned = Command<'MarkReturned', { shopfloorId: string; seenAt: Instant }>;
export type ShopfloorCommand = CommissionShopfloor | SetCapacity | MarkSilent | MarkReturned;

export type ShopfloorState =
  | { status: 'None' }
  | { status: 'Silent'; floor: Settings; lastSeenAt: Instant | null }
  | { status: 'Live'; floor: Settings; seenAt: Instant };
type Settings = { name: string; capacityPerHour: number; heartbeatPeriodSeconds: number };

/** The rules of one shopfloor: commissioned, silent until its first sign of life, its capacity set by people. */
export const shopfloor: Decider<ShopfloorState, ShopfloorCommand, ShopfloorEvent> = {
  entity: 'shopfloor',
  initial: { status: 'None' },
  decide,
  evolve,
};

function decide(state: ShopfloorState, command: ShopfloorCommand): ShopfloorEvent[] {
  if (command.type === 'CommissionShopfloor') return commission(state, command);
  const { shopfloorId } = command.data;
  if (state.status === 'None') {
    throw new Rejected('UnknownShopfloor', `There is no shopfloor ${shopfloorId}.`, 'shopfloorId');
  }
  switch (command.type) {
    case 'SetCapacity': {
      const { capacityPerHour } = command.data;
      if (capacityPerHour === state.floor.capacityPerHour) return [];
      return [{ type: 'CapacitySet', data: { shopfloorId, capacityPerHour } }];
    }
    case 'MarkSilent': {
      const { lastSeenAt, silentAfterSeconds } = command.data;
      if (state.status === 'Silent' || isLater(state.seenAt, lastSeenAt)) return [];
      return [{ type: 'ShopfloorWentSilent', data: { shopfloorId, lastSeenAt, silentAfterSeconds } }];
    }
    case 'MarkReturned': {
      const { seenAt } = command.data;
      if (state.status === 'Live' || !isLater(seenAt, state.lastSeenAt)) return [];
      return [{ type: 'ShopfloorReturned', data: { shopfloorId, seenAt } }];
    }
  }
}

/** The same commissioning again is already so; another one under the same id is refused. */
function commission(state: ShopfloorState, { data }: CommissionShopfloor): ShopfloorEvent[] {
  if (state.status === 'None') return [{ type: 'ShopfloorCommissioned', data }];
  const { floor } = state;
  const isSame = floor.name === data.name && floor.heartbeatPeriodSeconds === data.heartbeatPeriodSeconds;
  if (isSame && floor.capacityPerHour === data.capacityPerHour) return [];
  throw new Rejected(
    'ShopfloorAlreadyCommissioned',
    `There is a shopfloor ${data.shopfloorId} already.`,
    'shopfloorId',
  );
}

function evolve(state: ShopfloorState, event: ShopfloorEvent): ShopfloorState {
  switch (event.type) {
    case 'ShopfloorCommissioned': {
      const { name, capacityPerHour, heartbeatPeriodSeconds } = event.data;
      return { status: 'Silent', floor: { name, capacityPerHour, heartbeatPeriodSeconds }, lastSeenAt: null };
    }
    case 'CapacitySet': {
      if (state.status === 'None') return state;
      return { ...state, floor: { ...state.floor, capacityPerHour: event.data.capacityPerHour } };
    }
    case 'ShopfloorWentSilent':
      if (state.status === 'None') return state;
      return { status: 'Silent', floor: state.floor, lastSeenAt: event.data.lastSeenAt };
    case 'ShopfloorReturned':
      if (state.status === 'None') return state;
      return { status: 'Live', floor: state.floor, seenAt: event.data.seenAt };
  }
}

/** Whether `a` is after `b`; anything is after never. Two workers may judge from different knowledge: the newer wins. */
function isLater(a: Instant, b: Instant | null): boolean {
  return b === null || Date.parse(a) > Date.parse(b);
}
