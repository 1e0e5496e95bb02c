import { z } from 'zod';
import { instantSchema, positionSchema } from '../envelope.ts';
import { tokenSchema } from '../subjects.ts';

/** Alarm priority: 1 critical, 2 high, 3 low (the more urgent, the smaller, as ISA-18.2 consoles count). */
export const prioritySchema = z.union([z.literal(1), z.literal(2), z.literal(3)]);
export type Priority = z.infer<typeof prioritySchema>;

/** The four streams of the plant's value chain. */
export const valueStreamSchema = z.enum(['Upstream', 'Midstream', 'Downstream', 'Power', 'Other']);
export type ValueStream = z.infer<typeof valueStreamSchema>;

/**
 * Key of a parameter: camelCase, short enough for an alert's id. Values are looked up in plain objects by it, so it must
 * be none of the names that every object answers to.
 */
export const parameterKeySchema = z
  .string()
  .regex(/^[a-zA-Z][a-zA-Z0-9]{0,23}$/, 'letters and digits only, first a letter, at most 24')
  .refine((key) => !(key in Object.prototype), 'means something else to programs: choose another name');

/**
 * The limits of one parameter in its own unit. Outside `low`..`high` is abnormal; `tripLow`/`tripHigh` (LL, HH) make an
 * alert critical. `deadband` is how far back inside a value must come before the alert clears; `onDelaySeconds` and
 * `offDelaySeconds` are how long, by event time, it must stay outside (or inside) first.
 */
export const limitsSchema = z
  .object({
    low: z.number(),
    high: z.number(),
    tripLow: z.number().optional(),
    tripHigh: z.number().optional(),
    deadband: z.number().min(0).default(0),
    onDelaySeconds: z.number().int().min(0).max(3600).default(0),
    offDelaySeconds: z.number().int().min(0).max(3600).default(0),
    priority: prioritySchema.default(2),
  })
  .refine((limits) => limits.low < limits.high, { path: ['high'], message: 'must be above low' })
  .refine((limits) => limits.tripLow === undefined || limits.tripLow < limits.low, {
    path: ['tripLow'],
    message: 'must be below low',
  })
  .refine((limits) => limits.tripHigh === undefined || limits.tripHigh > limits.high, {
    path: ['tripHigh'],
    message: 'must be above high',
  })
  .refine((limits) => limits.deadband < limits.high - limits.low, {
    path: ['deadband'],
    message: 'must be smaller than high - low',
  });
export type Limits = z.infer<typeof limitsSchema>;

/** One measured or counted quantity of a twin. `unit` is a display unit such as `bar`, `mm/s`, `°C`. */
export const parameterSchema = z.object({
  key: parameterKeySchema,
  name: z.string().min(1).max(40),
  unit: z.string().max(12),
  limits: limitsSchema,
});
export type Parameter = z.infer<typeof parameterSchema>;

/** Id of a twin: a subject token of at most 32 characters, lower case. */
export const twinIdSchema = tokenSchema.max(32).regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and - only');

/** At most this many parameters per twin. */
export const PARAMETERS_MAX = 64;

export const twinDefinitionSchema = z.object({
  twinId: twinIdSchema,
  name: z.string().min(1).max(60),
  /** What kind of asset it is, for example `drill-rig`; a new kind needs no code. */
  twinType: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'lower-case letters, digits and - only'),
  valueStream: valueStreamSchema,
  site: tokenSchema.default('main'),
  /** A reading is expected at least this often; older values are shown as stale after three periods. */
  reportingPeriodSeconds: z.number().positive().max(86_400).default(10),
  parameters: z
    .array(parameterSchema)
    .min(1)
    .max(PARAMETERS_MAX)
    .refine(
      (list) => new Set(list.map((parameter) => parameter.key)).size === list.length,
      'parameter keys must differ',
    ),
});
export type TwinDefinition = z.infer<typeof twinDefinitionSchema>;

export const twinCommissionedV1 = twinDefinitionSchema;
export const limitsChangedV1 = z.object({
  twinId: twinIdSchema,
  parameter: parameterKeySchema,
  limits: limitsSchema,
  reason: z.string().min(3).max(200),
});
/** Says also what was in force before, so that a change can be judged by whoever knows this event alone; null: not recorded then. */
export const limitsChangedV2 = limitsChangedV1.extend({ previous: limitsSchema.nullable() });
export const limitsChangedV2FromV1 = (old: z.infer<typeof limitsChangedV1>): z.infer<typeof limitsChangedV2> => ({
  ...old,
  previous: null,
});
export const twinDecommissionedV1 = z.object({ twinId: twinIdSchema, reason: z.string().min(3).max(200) });

export type TwinEvent =
  | { type: 'TwinCommissioned'; data: z.infer<typeof twinCommissionedV1> }
  | { type: 'LimitsChanged'; data: z.infer<typeof limitsChangedV2> }
  | { type: 'TwinDecommissioned'; data: z.infer<typeof twinDecommissionedV1> };

/** Body of `POST /api/twins/:twinId/limits`. */
export const changeLimitsRequest = z.strictObject({
  parameter: parameterKeySchema,
  limits: limitsSchema,
  reason: z.string().trim().min(3).max(200),
});

/** The last change of a parameter's limits: what they were before, and why they are what they are. */
const limitsChangeSchema = z.object({ changedAt: instantSchema, reason: z.string(), previous: limitsSchema });
export type LimitsChange = z.infer<typeof limitsChangeSchema>;

/** Read model `twin_directory`: what each twin is and which limits are in force, since when and why. `_id` = twinId. */
export const twinDirectoryDocument = twinDefinitionSchema.extend({
  _id: z.string(),
  // Missing in version 1 of the read model, which is served until version 2 is built.
  parameters: z.array(parameterSchema.extend({ limitsChange: limitsChangeSchema.nullable().optional() })),
  status: z.enum(['commissioned', 'decommissioned']),
  commissionedAt: instantSchema,
  _position: z.number().int(),
});
export type TwinDirectoryDocument = z.infer<typeof twinDirectoryDocument>;

/** Read model `twin_state`: the newest reading. `_id` = twinId. `observedAt` is the newest seen, `recordedAt` the broker's time of it. */
export const twinStateDocument = z.object({
  _id: z.string(),
  site: z.string(),
  observedAt: instantSchema,
  recordedAt: instantSchema,
  values: z.record(z.string(), z.number()),
  outside: z.record(z.string(), z.enum(['high', 'low'])),
  readingCount: z.number().int(),
  /** The last hour at 60 s resolution, newest last: minute (epoch minutes) and per parameter the last value of it; at most 60. */
  trail: z.array(z.object({ minute: z.number().int(), values: z.record(z.string(), z.number()) })),
  _position: z.number().int(),
});
export type TwinStateDocument = z.infer<typeof twinStateDocument>;

/** Answer of `GET /api/twin/:twinId` and, in a list, of `GET /api/twins`. */
export const twinView = z.object({
  twin: twinDirectoryDocument,
  state: twinStateDocument.nullable(),
  position: z.array(positionSchema),
});
export type TwinView = z.infer<typeof twinView>;

/** Answer of `GET /api/twins?from=&limit=`: the commissioned twins by id; `next` is the id to go on after, null at the end. */
export const twinsView = z.object({ twins: z.array(twinView), next: twinIdSchema.nullable() });
export type TwinsView = z.infer<typeof twinsView>;
