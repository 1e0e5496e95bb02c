import { z } from 'zod';
import { instantSchema } from '../envelope.ts';
import { jobStateSchema, orderIdSchema } from '../order/order.ts';
import { shopfloorIdSchema } from '../shopfloor/shopfloor.ts';
import { tokenSchema } from '../subjects.ts';

/** Id of a job order: the part of an order that one shopfloor makes. */
export function jobIdOf(orderId: string, shopfloorId: string): string {
  return `${orderId}_${shopfloorId}`;
}

/** What goes to `shopfloor/{id}/instructions`, exactly these four fields. */
export const instructionSchema = z.object({
  orderId: orderIdSchema,
  description: z.string(),
  quantity: z.number().int(),
  material: z.string(),
});
export type Instruction = z.infer<typeof instructionSchema>;

/** Most pieces one report may speak of. */
export const PIECES_PER_REPORT_MAX = 10_000_000;

/** What comes on `shopfloor/{id}/reports`: pieces made since the last report. `produced` are the good ones. */
export const reportSchema = z.object({
  orderId: orderIdSchema,
  shopfloorId: shopfloorIdSchema,
  produced: z.number().int().min(0).max(PIECES_PER_REPORT_MAX),
  defective: z.number().int().min(0).max(PIECES_PER_REPORT_MAX),
  timestamp: instantSchema,
});
export type Report = z.infer<typeof reportSchema>;

const jobKey = { jobId: z.string(), orderId: orderIdSchema, shopfloorId: tokenSchema };
/** The order was distributed: this floor's part waits to be sent. */
export const jobReleasedV1 = z.object({ ...jobKey, instruction: instructionSchema, dueAt: instantSchema.optional() });
/** The broker took the instruction (QoS 1 acknowledged). */
export const jobDispatchedV1 = z.object({ ...jobKey, topic: z.string() });
/** `reportId` names the report's content, so that the same report twice counts once; totals are those of this job after it. */
export const workReportedV1 = z.object({
  ...jobKey,
  reportId: z.string(),
  description: z.string(),
  quantity: z.number().int(),
  produced: z.number().int(),
  defective: z.number().int(),
  reportedAt: instantSchema,
  goodTotal: z.number().int(),
  defectiveTotal: z.number().int(),
  jobCompleted: z.boolean(),
  dueAt: instantSchema.optional(),
});
export type JobEvent =
  | { type: 'JobReleased'; data: z.infer<typeof jobReleasedV1> }
  | { type: 'JobDispatched'; data: z.infer<typeof jobDispatchedV1> }
  | { type: 'WorkReported'; data: z.infer<typeof workReportedV1> };

/** Body of `POST /api/reports` (a shopfloor user reports by hand). */
export const postReportRequest = z.strictObject({
  orderId: orderIdSchema,
  shopfloorId: shopfloorIdSchema,
  produced: z.number().int().min(0).max(PIECES_PER_REPORT_MAX),
  defective: z.number().int().min(0).max(PIECES_PER_REPORT_MAX),
  timestamp: instantSchema.optional(),
});

/** Read model `reports`; `_id` = zero-padded position of the event, so newest first is a descending `_id` range. */
export const reportDocument = z.object({
  _id: z.string(),
  reportId: z.string(),
  orderId: z.string(),
  jobId: z.string(),
  shopfloorId: z.string(),
  description: z.string(),
  produced: z.number().int(),
  defective: z.number().int(),
  reportedAt: instantSchema,
  recordedAt: instantSchema,
  by: z.string(),
  jobCompleted: z.boolean(),
  _position: z.number().int(),
});
export type ReportDocument = z.infer<typeof reportDocument>;
/** `GET /api/reports` and `GET /api/reports/:orderId`. */
export const reportsPage = z.object({ reports: z.array(reportDocument), next: z.string().nullable() });
export type ReportsPage = z.infer<typeof reportsPage>;

/** Read model `production_days`: `_id` = `<day>:<shopfloorId>:<product>`; UTC days by the report's own time. */
export const productionDayDocument = z.object({
  _id: z.string(),
  day: z.string(),
  site: z.string(),
  shopfloorId: z.string(),
  product: z.string(),
  good: z.number().int(),
  defective: z.number().int(),
  jobsCompleted: z.number().int(),
  jobsOnTime: z.number().int(),
  reports: z.number().int(),
  _position: z.number().int(),
});
export type ProductionDayDocument = z.infer<typeof productionDayDocument>;
/** `GET /api/production?from=&to=` (days, default the last 14). */
export const productionView = z.object({ from: z.string(), to: z.string(), days: z.array(productionDayDocument) });
export type ProductionView = z.infer<typeof productionView>;

/** One job as its shopfloor sees it; `quantity`, `good` and `defective` are pieces of this job. */
const workItem = z.object({
  orderId: z.string(),
  jobId: z.string(),
  description: z.string(),
  material: z.string(),
  quantity: z.number().int(),
  good: z.number().int(),
  defective: z.number().int(),
  state: jobStateSchema,
  placedAt: instantSchema,
  dueAt: instantSchema.nullable(),
  dispatchedAt: instantSchema.nullable(),
  completedAt: instantSchema.nullable(),
});
export type WorkItem = z.infer<typeof workItem>;
/** `GET /api/work?shopfloorId=`: the open jobs of a shopfloor, oldest order first, and those completed last, newest first. */
export const workView = z.object({
  shopfloorId: z.string(),
  open: z.array(workItem),
  completed: z.array(workItem),
});
export type WorkView = z.infer<typeof workView>;
