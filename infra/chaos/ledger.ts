import { appendFileSync, readFileSync } from 'node:fs';

/** A reading that a device sends: `serial` counts up per twin and is one of its values; `level` is the other. */
export type SentReading = { twinId: string; serial: number; level: number; observedAt: string };
/** An order that was placed: the answer's id and position, and what was asked for in pieces. */
export type SentOrder = { orderId: string; quantity: number; position: string };
/** A report of a shopfloor, pieces since the last one. */
export type SentReport = {
  orderId: string;
  shopfloorId: string;
  produced: number;
  defective: number;
  timestamp: string;
};

/** Things by kind, in the order in which they were entered. */
export type Entries = { readings: SentReading[]; orders: SentOrder[]; reports: SentReport[] };

/**
 * The senders' own list: everything they sent, and what of it they were promised. Something is acknowledged when its
 * acknowledgement came (PUBACK, or a 2xx answer) and never before. Readings of one twin, and reports of one job, are in the
 * order in which they were sent. Of orders only those are known that were answered: before that they have no id.
 */
export type Ledger = { sent: Entries; acknowledged: Entries };

/** A ledger that is written to a file as it grows. */
export type LedgerBook = {
  /** What was acknowledged so far. */
  acknowledged: Entries;
  /** Enters something before it is sent for the first time. */
  sending<Kind extends keyof Entries>(kind: Kind, entry: Entries[Kind][number]): void;
  /** Enters something that was acknowledged. */
  acknowledge<Kind extends keyof Entries>(kind: Kind, entry: Entries[Kind][number]): void;
};

/** A list with nothing on it. */
export function emptyLedger(): Ledger {
  const none = (): Entries => ({ readings: [], orders: [], reports: [] });
  return { sent: none(), acknowledged: none() };
}

/** Opens a ledger that appends each entry to a file as one line, at once: what is counted in the end is what the file holds. */
export function openLedger(file: string): LedgerBook {
  const { acknowledged } = emptyLedger();
  const write = (list: keyof Ledger, kind: keyof Entries, entry: object) =>
    appendFileSync(file, `${JSON.stringify([list, kind, entry])}\n`);
  return {
    acknowledged,
    sending: (kind, entry) => write('sent', kind, entry),
    acknowledge(kind, entry) {
      write('acknowledged', kind, entry);
      (acknowledged[kind] as (typeof entry)[]).push(entry);
    },
  };
}

/** Reads a ledger's file, from its first line to its last. */
export function readLedger(file: string): Ledger {
  const ledger = emptyLedger();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const [list, kind, entry] = JSON.parse(line) as [keyof Ledger, keyof Entries, never];
    ledger[list][kind].push(entry);
  }
  return ledger;
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
