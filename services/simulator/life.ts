import { z } from 'zod';
import { TICK_SECONDS } from './plant.ts';
import { labelSchema } from './truth.ts';

/** A first start makes up a day that was: 8,640 ticks. */
export const BACKFILL_TICKS = 86_400 / TICK_SECONDS;

/**
 * How far the plant's life has come, kept in a file. `inbox` says which DEVICES stream it lives in (when that was made),
 * `epochMs` the instant of tick 0, `nextTick` the first that was not sent yet, `standing` the faults told but not over.
 */
export const lifeSchema = z.object({
  seed: z.number().int(),
  plantId: z.string(),
  inbox: z.string(),
  epochMs: z.number().int(),
  nextTick: z.number().int().min(0),
  standing: z.array(labelSchema),
});
export type Life = z.infer<typeof lifeSchema>;

/** What is known at a start. `hasReadings`: TELEMETRY holds readings of the plant's twins already. */
export type Start = {
  remembered: Life | undefined;
  seed: number;
  plantId: string;
  inbox: string;
  hasReadings: boolean;
  nowMs: number;
};

/**
 * Where the plant's life goes on: where it stopped; or, where nothing is known of it, a day ago, so that the day is
 * back-filled; or now, where its readings are there but its own memory is lost.
 */
export function lifeAfter({ remembered, seed, plantId, inbox, hasReadings, nowMs }: Start): Life {
  if (remembered !== undefined && remembered.inbox === inbox) return remembered;
  const epochMs = Math.floor(nowMs / 1000) * 1000 - (BACKFILL_TICKS - 1) * TICK_SECONDS * 1000;
  return { seed, plantId, inbox, epochMs, nextTick: hasReadings ? BACKFILL_TICKS : 0, standing: [] };
}

/** The instant of a tick of the back-filled day, and of when a fault of it began; after it time goes by the clock. */
export function instantOf({ epochMs }: Pick<Life, 'epochMs'>, tick: number): string {
  return new Date(epochMs + tick * TICK_SECONDS * 1000).toISOString();
}
