import { z } from 'zod';
import { instantSchema, positionSchema } from '../envelope.ts';
import { tokenSchema } from '../subjects.ts';

export const orderIdSchema = z.string().regex(/^ORD-[0-9A-Z]{10,16}$/, 'must look like ORD-…');
/** Largest quantity of one order, pieces. */
export const QUANTITY_MAX = 10_000_000;

/**
 * Words for people and machines, in one line: no control characters, and no half of a character, which a database would not
 * give back as it was.
 */
const lineSchema = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'must be one line of text');

/** Body of `POST /api/orders`. `dueAt` is optional; without it nothing is ever late. */
export const placeOrderRequest = z.strictObject({
  description: lineSchema.max(120),
  quantity: z.number().int('must be a whole number').min(1).max(QUANTITY_MAX),
  material: lineSchema.max(80),
  dueAt: instantSchema.optional(),
});

export const orderPlacedV1 = z.object({
  orderId: orderIdSchema,
  description: z.string(),
  quantity: z.number().int(),
  material: z.string(),
  dueAt: instantSchema.optional(),
});
/** How an order was split: `jobs` always add up to the quantity; `capacities` lists every floor as it was then (pieces per hour); only live ones got work. */
export const orderDistributedV1 = z.object({
  orderId: orderIdSchema,
  method: z.literal('largest-remainder/1'),
  capacities: z.array(z.object({ shopfloorId: tokenSchema, capacityPerHour: z.number(), isLive: z.boolean() })),
  jobs: z.array(z.object({ jobId: z.string(), shopfloorId: tokenSchema, quantity: z.number().int() })),
});
/** No floor was live: the order waits and is distributed when one returns. */
export const orderHeldV1 = z.object({ orderId: orderIdSchema, reason: z.enum(['NoLiveShopfloor']) });
/** Running totals after one more report; from the reports of all jobs. */
export const orderProgressedV1 = z.object({
  orderId: orderIdSchema,
  jobId: z.string(),
  good: z.number().int(),
  defective: z.number().int(),
  jobCompleted: z.boolean(),
});
export const orderCompletedV1 = z.object({
  orderId: orderIdSchema,
  good: z.number().int(),
  defective: z.number().int(),
  completedAt: instantSchema,
  onTime: z.boolean(),
});

export type OrderEvent =
  | { type: 'OrderPlaced'; data: z.infer<typeof orderPlacedV1> }
  | { type: 'OrderHeld'; data: z.infer<typeof orderHeldV1> }
  | { type: 'OrderDistributed'; data: z.infer<typeof orderDistributedV1> }
  | { type: 'OrderProgressed'; data: z.infer<typeof orderProgressedV1> }
  | { type: 'OrderCompleted'; data: z.infer<typeof orderCompletedV1> };

/** ISA-95 states of an order or a job order. */
export const jobStateSchema = z.enum(['Waiting', 'Dispatched', 'Running', 'Held', 'Completed', 'Aborted', 'Cancelled']);
export type JobState = z.infer<typeof jobStateSchema>;

/** Read model `orders`; `_id` = orderId. `good` and `defective` are pieces so far; `placedPosition` is the sequence of `OrderPlaced`, by which lists are ordered. */
export const orderDocument = z.object({
  _id: z.string(),
  site: z.string(),
  description: z.string(),
  quantity: z.number().int(),
  material: z.string(),
  dueAt: instantSchema.nullable(),
  state: jobStateSchema,
  placedAt: instantSchema,
  placedBy: z.string(),
  placedPosition: z.number().int(),
  completedAt: instantSchema.nullable(),
  onTime: z.boolean().nullable(),
  good: z.number().int(),
  defective: z.number().int(),
  jobs: z.array(
    z.object({
      jobId: z.string(),
      shopfloorId: z.string(),
      quantity: z.number().int(),
      state: jobStateSchema,
      good: z.number().int(),
      defective: z.number().int(),
      dispatchedAt: instantSchema.nullable(),
      completedAt: instantSchema.nullable(),
    }),
  ),
  capacities: z.array(z.object({ shopfloorId: z.string(), capacityPerHour: z.number(), isLive: z.boolean() })),
  _position: z.number().int(),
});
export type OrderDocument = z.infer<typeof orderDocument>;

/** `GET /api/orders?state=&before=&limit=`: newest first. */
export const ordersPage = z.object({ orders: z.array(orderDocument), next: z.string().nullable() });
export type OrdersPage = z.infer<typeof ordersPage>;

/** One entry of an order's life as it happened, straight from the log. `actorName` is the name of a person, null for programs and machines. */
export const timelineEntry = z.object({
  position: positionSchema,
  type: z.string(),
  entity: z.string(),
  recordedAt: instantSchema,
  occurredAt: instantSchema,
  actor: z.string(),
  actorName: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
});
export type TimelineEntry = z.infer<typeof timelineEntry>;
/** `GET /api/orders/:orderId`. */
export const orderView = z.object({ order: orderDocument, timeline: z.array(timelineEntry) });
export type OrderView = z.infer<typeof orderView>;
