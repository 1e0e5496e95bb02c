import { z } from 'zod';
import { instantSchema } from '../envelope.ts';
import { tokenSchema } from '../subjects.ts';

/** What whoever speaks of a shopfloor may call it; so short that an order's id and it make a job's id, which is a token too. */
export const shopfloorIdSchema = tokenSchema.max(32);

export const CAPACITY_PER_HOUR_MAX = 1_000_000;
/** Silent for this many heartbeat periods: shown as silent, gets no new work. */
export const SILENT_AFTER_PERIODS = 3;

export const capacitySchema = z.number().min(0).max(CAPACITY_PER_HOUR_MAX);
export const shopfloorCommissionedV1 = z.object({
  shopfloorId: tokenSchema,
  name: z.string().min(1).max(60),
  capacityPerHour: capacitySchema,
  heartbeatPeriodSeconds: z.number().positive().max(3600).default(10),
});
export const capacitySetV1 = z.object({ shopfloorId: tokenSchema, capacityPerHour: capacitySchema });
/** `lastSeenAt` is the broker's time of the last heartbeat or report; null if there never was one. */
export const shopfloorWentSilentV1 = z.object({
  shopfloorId: tokenSchema,
  lastSeenAt: instantSchema.nullable(),
  silentAfterSeconds: z.number(),
});
export const shopfloorReturnedV1 = z.object({ shopfloorId: tokenSchema, seenAt: instantSchema });

export type ShopfloorEvent =
  | { type: 'ShopfloorCommissioned'; data: z.infer<typeof shopfloorCommissionedV1> }
  | { type: 'CapacitySet'; data: z.infer<typeof capacitySetV1> }
  | { type: 'ShopfloorWentSilent'; data: z.infer<typeof shopfloorWentSilentV1> }
  | { type: 'ShopfloorReturned'; data: z.infer<typeof shopfloorReturnedV1> };

/** Body of `POST /api/shopfloors`. */
export const commissionShopfloorRequest = z.strictObject({
  shopfloorId: shopfloorIdSchema,
  name: z.string().min(1).max(60),
  capacityPerHour: capacitySchema,
  heartbeatPeriodSeconds: z.number().positive().max(3600).default(10),
});
/** Body of `POST /api/shopfloors/:id/capacity`. */
export const setCapacityRequest = z.strictObject({ capacityPerHour: capacitySchema });

/** Anything valid JSON counts as life. */
export const heartbeatSchema = z.json();

/**
 * The newest sign of life of a shopfloor (heartbeat or report), kept beside the log under its id, because it changes all the
 * time and is no fact of the plant. `lastSeenAt` is the broker's time, `sequence` the message's in DEVICES, `names` when
 * each name it goes by (`1`, `shopfloor1`) was last used.
 */
export const signOfLifeSchema = z.object({
  lastSeenAt: instantSchema,
  sequence: z.number().int(),
  names: z.record(tokenSchema, instantSchema),
});
export type SignOfLife = z.infer<typeof signOfLifeSchema>;

/**
 * Announced live as `heartbeats` with every sign of life, and kept nowhere: the newest one stands in `GET /api/shopfloors`. `_id` =
 * shopfloorId, `_position` = sequence of the message in DEVICES.
 */
export const heartbeatDocument = z.object({
  _id: z.string(),
  lastSeenAt: instantSchema,
  _position: z.number().int(),
});
export type HeartbeatDocument = z.infer<typeof heartbeatDocument>;

/** Read model `shopfloors`; `_id` = shopfloorId. A floor starts as silent until its first heartbeat; it is live or silent since `changedAt`. */
export const shopfloorDocument = z.object({
  _id: z.string(),
  site: z.string(),
  name: z.string(),
  capacityPerHour: z.number(),
  heartbeatPeriodSeconds: z.number(),
  isLive: z.boolean(),
  changedAt: instantSchema,
  openJobs: z.number().int(),
  openPieces: z.number().int(),
  good: z.number().int(),
  defective: z.number().int(),
  _position: z.number().int(),
});
export type ShopfloorDocument = z.infer<typeof shopfloorDocument>;
/** `GET /api/shopfloors`: the document and the newest sign of life (null: none yet). */
export const shopfloorsView = z.object({
  shopfloors: z.array(z.object({ shopfloor: shopfloorDocument, lastSeenAt: instantSchema.nullable() })),
});
export type ShopfloorsView = z.infer<typeof shopfloorsView>;
