import { type Instruction, reportSchema } from '@stratum/contracts/job/job.ts';
import { z } from 'zod';
import { seedOf, uniform, wanderAt } from './chance.ts';

/** How a simulated shopfloor works: `piecesPerHour` while all goes well, `scrapShare` (0..1) of them defective. */
export type FloorTraits = { shopfloorId: string; seed: number; piecesPerHour: number; scrapShare: number };

const jobSchema = z.object({
  orderId: z.string(),
  quantity: z.number().int(),
  good: z.number().int(),
  defective: z.number().int(),
  /** Work on the next piece and towards the next defective one, fractions. */
  begun: z.number(),
  spoilt: z.number(),
  /** Made since the last report, and how long ago that was. */
  unreportedGood: z.number().int(),
  unreportedDefective: z.number().int(),
  sinceReportSeconds: z.number(),
});

/**
 * What a floor remembers, so that it goes on after a restart as if nothing had happened: its open jobs in the order they
 * came, the orders done with (the newest {@link DONE_MAX}), and reports the broker has not acknowledged yet.
 */
export const floorSchema = z.object({
  workedSeconds: z.number(),
  open: z.array(jobSchema),
  done: z.array(z.string()),
  outbox: z.array(reportSchema),
});
export type Floor = z.infer<typeof floorSchema>;
type Job = z.infer<typeof jobSchema>;

/** A floor that has done nothing yet. */
export const idleFloor: Floor = { workedSeconds: 0, open: [], done: [], outbox: [] };

/** Jobs worked on at once; the others wait. */
const LINES = 2;
const REPORT_EVERY_SECONDS = 20;
const DONE_MAX = 1_000;
/** With so many reports not taken the floor stops, as people would. */
const OUTBOX_MAX = 100;
/** In each half hour the floor stands still once, for this long. */
const PAUSE_CYCLE_SECONDS = 1_800;
const PAUSE_SECONDS = 150;
const PACE_TURN_SECONDS = 300;

/** Takes an instruction; one that came before, as QoS 1 may bring it twice, changes nothing. */
export function accept(floor: Floor, { orderId, quantity }: Instruction): Floor {
  if (floor.done.includes(orderId) || floor.open.some((job) => job.orderId === orderId)) return floor;
  const none = { good: 0, defective: 0, begun: 0, spoilt: 0, unreportedGood: 0, unreportedDefective: 0 };
  return { ...floor, open: [...floor.open, { orderId, quantity, ...none, sinceReportSeconds: 0 }] };
}

/**
 * Works for some seconds and ends at the instant `at`, which new reports carry. The first two jobs share the floor's
 * speed; each is reported every 20 seconds and when its last piece is made.
 */
export function work(floor: Floor, traits: FloorTraits, seconds: number, at: string): Floor {
  if (floor.open.length === 0 || floor.outbox.length >= OUTBOX_MAX) return floor;
  const workedSeconds = floor.workedSeconds + seconds;
  if (isPausing(traits, workedSeconds)) return { ...floor, workedSeconds };
  const share = Math.min(LINES, floor.open.length);
  const pieces = (paceAt(traits, workedSeconds) * seconds) / share;
  const scrapShare = traits.scrapShare * scrapFactorAt(traits, workedSeconds);
  const outbox = [...floor.outbox];
  const done = [...floor.done];
  const open: Job[] = [];
  for (const [line, waiting] of floor.open.entries()) {
    if (line >= LINES) {
      open.push(waiting);
      continue;
    }
    const job = make(waiting, pieces, scrapShare, seconds);
    const isComplete = job.good + job.defective === job.quantity;
    const isDue = isComplete || job.sinceReportSeconds >= REPORT_EVERY_SECONDS;
    if (isDue && job.unreportedGood + job.unreportedDefective > 0) {
      const { orderId, unreportedGood: produced, unreportedDefective: defective } = job;
      outbox.push({ orderId, shopfloorId: traits.shopfloorId, produced, defective, timestamp: at });
      Object.assign(job, { unreportedGood: 0, unreportedDefective: 0, sinceReportSeconds: 0 });
    }
    if (isComplete) done.push(job.orderId);
    else open.push(job);
  }
  return { workedSeconds, open, done: done.slice(-DONE_MAX), outbox };
}

/** Forgets reports that the broker acknowledged. */
export function acknowledged(floor: Floor, reports: readonly Floor['outbox'][number][]): Floor {
  const isTaken = (one: Floor['outbox'][number]) =>
    reports.some((report) => report.orderId === one.orderId && report.timestamp === one.timestamp);
  return { ...floor, outbox: floor.outbox.filter((one) => !isTaken(one)) };
}

/** Whether the floor stands still after so many seconds of its life. */
export function isPausing(traits: FloorTraits, workedSeconds: number): boolean {
  const cycle = Math.floor(workedSeconds / PAUSE_CYCLE_SECONDS);
  const from = uniform(seedOf(traits.seed, 'pause'), cycle) * (PAUSE_CYCLE_SECONDS - PAUSE_SECONDS);
  const within = workedSeconds - cycle * PAUSE_CYCLE_SECONDS;
  return within >= from && within < from + PAUSE_SECONDS;
}

function make(job: Job, pieces: number, scrapShare: number, seconds: number): Job {
  const left = job.quantity - job.good - job.defective;
  const begun = job.begun + pieces;
  const made = Math.min(left, Math.floor(begun));
  const spoilt = job.spoilt + made * scrapShare;
  const defective = Math.min(made, Math.floor(spoilt));
  const good = made - defective;
  return {
    ...job,
    good: job.good + good,
    defective: job.defective + defective,
    begun: begun - made,
    spoilt: spoilt - defective,
    unreportedGood: job.unreportedGood + good,
    unreportedDefective: job.unreportedDefective + defective,
    sinceReportSeconds: job.sinceReportSeconds + seconds,
  };
}

/** Pieces per second; nobody works at the same speed all day. */
function paceAt({ seed, piecesPerHour }: FloorTraits, workedSeconds: number): number {
  return (piecesPerHour / 3600) * (1 + 0.15 * wanderAt(seedOf(seed, 'pace'), workedSeconds, PACE_TURN_SECONDS));
}

/** Scrap comes in waves between nothing and twice the usual. */
function scrapFactorAt({ seed }: FloorTraits, workedSeconds: number): number {
  return 1 + wanderAt(seedOf(seed, 'scrap'), workedSeconds, PACE_TURN_SECONDS);
}
