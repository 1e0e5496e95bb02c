/** A reading that a device sent: `serial` counts up per twin and is one of its values; `level` is the other. */
export type SentReading = { twinId: string; serial: number; level: number; observedAt: string };
/** An order that was placed: the answer's id, and what was asked for in pieces. */
export type SentOrder = { orderId: string; quantity: number };
/** A report of a shopfloor, pieces since the last one. */
export type SentReport = {
  orderId: string;
  shopfloorId: string;
  produced: number;
  defective: number;
  timestamp: string;
};

/**
 * The senders' own list of what they were promised: something is entered when its acknowledgement came (PUBACK, or a 2xx
 * answer) and never before. It lives in the memory of the sender, which nobody kills. Readings of one twin, and reports of
 * one job, are in the order in which they were sent.
 */
export type Ledger = { readings: SentReading[]; orders: SentOrder[]; reports: SentReport[] };

/** A list with nothing on it. */
export function emptyLedger(): Ledger {
  return { readings: [], orders: [], reports: [] };
}

/** Above this a reading's `level` is beyond its limit. */
export const LEVEL_HIGH = 100;

/** The readings by which a twin's `level` went beyond its limit, and those by which it came back, in the order of sending. */
export function crossingsOf(readings: readonly SentReading[]): { over: SentReading[]; back: SentReading[] } {
  const over: SentReading[] = [];
  const back: SentReading[] = [];
  const isOver = new Map<string, boolean>();
  for (const reading of readings.toSorted((one, other) => one.serial - other.serial)) {
    const before = isOver.get(reading.twinId) ?? false;
    const now = reading.level > LEVEL_HIGH;
    if (now && !before) over.push(reading);
    if (before && !now) back.push(reading);
    isOver.set(reading.twinId, now);
  }
  return { over, back };
}
