import { describe, expect, it } from 'vitest';
import {
  connectionAt,
  type FeedFacts,
  LATE_AFTER_MS,
  OFFLINE_AFTER_MS,
  RECONNECT_WAIT_MAX_MS,
  reconnectWaitMs,
} from './live-state.ts';

const open: FeedFacts = {
  isOpen: true,
  hasBeenOpen: true,
  heardAt: 1000,
  delayMs: 400,
  attempt: 0,
  nextAttemptAt: 0,
  lostAt: null,
  browserIsOffline: false,
};
const lost: FeedFacts = { ...open, isOpen: false, attempt: 3, nextAttemptAt: 9000, lostAt: 4000 };

describe('the wait before reconnecting', () => {
  it('doubles up to a limit', () => {
    expect([1, 2, 3].map((attempt) => reconnectWaitMs(attempt, 1))).toEqual([500, 1000, 2000]);
    expect(reconnectWaitMs(40, 1)).toBe(RECONNECT_WAIT_MAX_MS);
  });

  it('is spread over its upper half', () => {
    expect(reconnectWaitMs(3, 0)).toBe(1000);
    expect(reconnectWaitMs(3, 0.5)).toBe(1500);
  });
});

describe('the connection', () => {
  it('is live while something was heard lately', () => {
    expect(connectionAt(open, 2000)).toEqual({ kind: 'live', behindMs: 400 });
  });

  it('never claims to be ahead of the plant', () => {
    expect(connectionAt({ ...open, delayMs: -300 }, 2000)).toEqual({ kind: 'live', behindMs: 0 });
  });

  it('is late when nothing was heard for long', () => {
    const now = 1000 + LATE_AFTER_MS + 1;
    expect(connectionAt(open, now)).toEqual({ kind: 'late', behindMs: now - 1000 });
  });

  it('connects before it was ever open', () => {
    expect(connectionAt({ ...open, isOpen: false, hasBeenOpen: false, heardAt: null }, 0)).toEqual({
      kind: 'connecting',
    });
  });

  it('reconnects with a count and a time', () => {
    expect(connectionAt(lost, 5000)).toEqual({ kind: 'reconnecting', attempt: 3, nextInMs: 4000 });
    expect(connectionAt(lost, 9500)).toEqual({ kind: 'reconnecting', attempt: 3, nextInMs: 0 });
  });

  it('is offline when it has been away for long or the browser says so', () => {
    expect(connectionAt(lost, 4000 + OFFLINE_AFTER_MS + 1)).toMatchObject({ kind: 'offline', since: 4000 });
    expect(connectionAt({ ...lost, browserIsOffline: true }, 5000)).toMatchObject({ kind: 'offline', since: 4000 });
  });
});
