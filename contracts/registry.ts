import type { z } from 'zod';
import { accountRegisteredV1 } from './account/account.ts';
import {
  alertAcknowledgedV1,
  alertClearedV1,
  alertEscalatedV1,
  alertPersistedV1,
  alertRaisedV1,
} from './alert/alert.ts';
import { jobDispatchedV1, jobReleasedV1, workReportedV1 } from './job/job.ts';
import { orderCompletedV1, orderDistributedV1, orderHeldV1, orderPlacedV1, orderProgressedV1 } from './order/order.ts';
import {
  capacitySetV1,
  shopfloorCommissionedV1,
  shopfloorReturnedV1,
  shopfloorWentSilentV1,
} from './shopfloor/shopfloor.ts';
import type { Entity } from './subjects.ts';
import {
  limitsChangedV1,
  limitsChangedV2,
  limitsChangedV2FromV1,
  twinCommissionedV1,
  twinDecommissionedV1,
} from './twin/twin.ts';

/** Every version of one event type, oldest first. `upcast[n]` turns version n+1 data into version n+2 data. */
export type EventContract = {
  entity: Entity;
  versions: readonly z.ZodType[];
  upcast: readonly ((data: unknown) => unknown)[];
};

/** The versions of an event type so far; `newest` is what it is read as. */
type Release<Newest extends z.ZodType> = EventContract & { newest: Newest };

/** A new event type: version 1. */
function released<First extends z.ZodType>(entity: Entity, first: First): Release<First> {
  return { entity, versions: [first], upcast: [], newest: first };
}

/**
 * The next version of an event type. It may only add: whoever knows the old version alone goes on reading the new one. What
 * cannot be said by adding is an event of another name. `upcast` reads what was recorded in the version before.
 */
function improved<Old extends z.ZodType, New extends z.ZodType>(
  release: Release<Old>,
  newest: New,
  upcast: (old: z.output<Old>) => z.output<New>,
): Release<New> {
  const { entity, versions } = release;
  // The chain is walked from one version to the next, so that a step gets what the one before it gives.
  const step = upcast as (data: unknown) => unknown;
  return { entity, versions: [...versions, newest], upcast: [...release.upcast, step], newest };
}

/** Every event of PLANT by type: the index of the language. */
export const events: Record<string, EventContract> = {
  TwinCommissioned: released('twin', twinCommissionedV1),
  LimitsChanged: improved(released('twin', limitsChangedV1), limitsChangedV2, limitsChangedV2FromV1),
  TwinDecommissioned: released('twin', twinDecommissionedV1),
  AlertRaised: released('alert', alertRaisedV1),
  AlertEscalated: released('alert', alertEscalatedV1),
  AlertCleared: released('alert', alertClearedV1),
  AlertPersisted: released('alert', alertPersistedV1),
  AlertAcknowledged: released('alert', alertAcknowledgedV1),
  OrderPlaced: released('order', orderPlacedV1),
  OrderHeld: released('order', orderHeldV1),
  OrderDistributed: released('order', orderDistributedV1),
  OrderProgressed: released('order', orderProgressedV1),
  OrderCompleted: released('order', orderCompletedV1),
  JobReleased: released('job', jobReleasedV1),
  JobDispatched: released('job', jobDispatchedV1),
  WorkReported: released('job', workReportedV1),
  ShopfloorCommissioned: released('shopfloor', shopfloorCommissionedV1),
  CapacitySet: released('shopfloor', capacitySetV1),
  ShopfloorWentSilent: released('shopfloor', shopfloorWentSilentV1),
  ShopfloorReturned: released('shopfloor', shopfloorReturnedV1),
  AccountRegistered: released('account', accountRegisteredV1),
};
