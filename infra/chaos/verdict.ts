import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { crossingsOf, type Ledger, type SentReport } from './ledger.ts';
import { brokenRules } from './rules.ts';

/** What the logs say, of what the ledger is about: our twins' readings in the order of TELEMETRY, and all of PLANT. */
export type Recorded = {
  readings: { twinId: string; serial: number; observedAt: string }[];
  events: PlantEvent[];
  /** What the plant refused of ours, as sentences. */
  refused: string[];
};

/** One kind of thing, counted against the sender's own list. `lost` and `doubled` name each. */
export type Tally = { kind: string; acknowledged: number; recorded: number; lost: string[]; doubled: string[] };

/** What is true of a run. `wrong`: everything else that should not be, as sentences. */
export type Verdict = { tallies: Tally[]; wrong: string[] };

/** Whether nothing was lost, nothing doubled, and nothing else is wrong. */
export function isClean({ tallies, wrong }: Verdict): boolean {
  return wrong.length === 0 && tallies.every(({ lost, doubled }) => lost.length === 0 && doubled.length === 0);
}

/**
 * Counts the logs against the ledger. Everything acknowledged must be there exactly once, what was sent and not acknowledged
 * at most once, and nothing else of its kind.
 */
export function verdictOf({ sent, acknowledged: ledger }: Ledger, recorded: Recorded): Verdict {
  const { readings, events, refused } = recorded;
  const crossings = crossingsOf(sent.readings);
  const twinIds = new Set(sent.readings.map(({ twinId }) => twinId));
  const floorIds = new Set(sent.reports.map(({ shopfloorId }) => shopfloorId));
  const orderIds = new Set(ledger.orders.map(({ orderId }) => orderId));
  const keys = <Type extends PlantEvent['type']>(
    type: Type,
    keyOf: (event: Extract<PlantEvent, { type: Type }>) => string | undefined,
  ) => events.filter((event) => isOf(event, type)).flatMap((event) => keyOf(event) ?? []);

  const tallies = [
    tally('readings', ledger.readings.map(readingKey), readings.map(readingKey), sent.readings.map(readingKey)),
    tally(
      'orders',
      ledger.orders.map(({ orderId }) => orderId),
      keys('OrderPlaced', ({ data: { orderId } }) => (orderIds.has(orderId) ? orderId : undefined)),
    ),
    tally(
      'reports',
      ledger.reports.map(reportKey),
      keys('WorkReported', ({ data }) =>
        floorIds.has(data.shopfloorId) ? reportKey({ ...data, timestamp: data.reportedAt }) : undefined,
      ),
      sent.reports.map(reportKey),
    ),
    tally(
      'alerts raised',
      crossings.over.map(({ twinId, observedAt }) => `${twinId} at ${observedAt}`),
      keys('AlertRaised', ({ data: { twinId, raisedAt } }) => ofOurs(twinIds, twinId, raisedAt)),
    ),
    tally(
      'alerts cleared',
      crossings.back.map(({ twinId, observedAt }) => `${twinId} at ${observedAt}`),
      keys('AlertCleared', ({ data: { twinId, clearedAt } }) => ofOurs(twinIds, twinId, clearedAt)),
    ),
  ];
  const neverSent = tallies.flatMap(({ kind, unknown }) => unknown.map((key) => `${kind}: ${key} was never sent`));
  const completed = new Set(keys('OrderCompleted', ({ data }) => data.orderId));
  const unfinished = ledger.orders.filter(({ orderId }) => !completed.has(orderId));
  return {
    tallies,
    wrong: [
      ...neverSent,
      ...refused,
      ...unfinished.map(({ orderId }) => `${orderId} was made but is not completed`),
      ...brokenRules(events),
      ...outOfOrder(readings),
    ],
  };
}

function tally(
  kind: string,
  acknowledged: readonly string[],
  found: readonly string[],
  sent: readonly string[] = acknowledged,
): Tally & { unknown: string[] } {
  const counts = new Map<string, number>();
  for (const key of found) counts.set(key, (counts.get(key) ?? 0) + 1);
  const wanted = new Set(acknowledged);
  const known = new Set(sent);
  return {
    kind,
    acknowledged: wanted.size,
    recorded: found.length,
    lost: [...wanted].filter((key) => !counts.has(key)),
    doubled: [...counts].filter(([, count]) => count > 1).map(([key, count]) => `${key} (${count} times)`),
    unknown: [...counts.keys()].filter((key) => !known.has(key)),
  };
}

/** A twin's readings are in the log in the order in which its device sent them. */
function outOfOrder(readings: Recorded['readings']): string[] {
  const newest = new Map<string, number>();
  const found: string[] = [];
  for (const { twinId, serial } of readings) {
    const before = newest.get(twinId) ?? -1;
    if (serial < before) found.push(`${twinId}: reading ${serial} stands behind reading ${before}`);
    newest.set(twinId, Math.max(before, serial));
  }
  return found;
}

function isOf<Type extends PlantEvent['type']>(
  event: PlantEvent,
  type: Type,
): event is Extract<PlantEvent, { type: Type }> {
  return event.type === type;
}

function ofOurs(twinIds: ReadonlySet<string>, twinId: string, at: string): string | undefined {
  return twinIds.has(twinId) ? `${twinId} at ${at}` : undefined;
}

function readingKey({ twinId, serial, observedAt }: { twinId: string; serial: number; observedAt: string }): string {
  return `${twinId} reading ${serial} of ${observedAt}`;
}

function reportKey(report: SentReport): string {
  const { orderId, shopfloorId, produced, defective, timestamp } = report;
  return `${orderId} ${shopfloorId} ${produced}+${defective} at ${new Date(timestamp).toISOString()}`;
}
