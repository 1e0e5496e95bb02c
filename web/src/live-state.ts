/** Waits between attempts to reconnect grow from the first to the last of these, milliseconds. */
export const RECONNECT_WAIT_FIRST_MS = 500;
export const RECONNECT_WAIT_MAX_MS = 15_000;

/** The server sends at least a comment this often, milliseconds. */
export const HEARTBEAT_EVERY_MS = 5_000;
/** Silent for this long: shown as late. */
export const LATE_AFTER_MS = 12_000;
/** Silent for this long: the connection is given up and made anew. */
export const LOST_AFTER_MS = 25_000;
/** Not connected for this long: shown as offline. */
export const OFFLINE_AFTER_MS = 30_000;

/**
 * How long to wait before attempt `attempt` (1, 2, …): doubles up to the limit, then spread over its upper half so that
 * many browsers do not come back at the same instant. `chance` is from 0 up to 1.
 */
export function reconnectWaitMs(attempt: number, chance: number): number {
  const full = Math.min(RECONNECT_WAIT_MAX_MS, RECONNECT_WAIT_FIRST_MS * 2 ** (attempt - 1));
  return Math.round(full / 2 + (full / 2) * chance);
}

/** What the screen says about the feed. `behindMs` is the age of the newest sign of life beyond the expected. */
export type Connection =
  | { kind: 'connecting' }
  | { kind: 'live'; behindMs: number }
  | { kind: 'late'; behindMs: number }
  | { kind: 'reconnecting'; attempt: number; nextInMs: number }
  | { kind: 'offline'; since: number; attempt: number; nextInMs: number };

export type FeedFacts = {
  isOpen: boolean;
  /** Whether it was ever open; before that it connects. */
  hasBeenOpen: boolean;
  /** Epoch milliseconds of the newest byte; null before the first. */
  heardAt: number | null;
  /** Newest measured way from the log to this screen, milliseconds. */
  delayMs: number;
  attempt: number;
  nextAttemptAt: number;
  /** When the last open connection broke; null while open. */
  lostAt: number | null;
  browserIsOffline: boolean;
};

/** Reads the feed's facts at an instant. */
export function connectionAt(facts: FeedFacts, now: number): Connection {
  if (facts.isOpen) {
    const silentMs = now - (facts.heardAt ?? now);
    return silentMs > LATE_AFTER_MS
      ? { kind: 'late', behindMs: silentMs }
      : { kind: 'live', behindMs: Math.max(0, facts.delayMs) };
  }
  if (!facts.hasBeenOpen && facts.attempt === 0) return { kind: 'connecting' };
  const nextInMs = Math.max(0, facts.nextAttemptAt - now);
  if (facts.lostAt !== null && (facts.browserIsOffline || now - facts.lostAt > OFFLINE_AFTER_MS)) {
    return { kind: 'offline', since: facts.lostAt, attempt: facts.attempt, nextInMs };
  }
  return { kind: 'reconnecting', attempt: Math.max(1, facts.attempt), nextInMs };
}
