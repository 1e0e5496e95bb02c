import type { Instant } from '@stratum/contracts/envelope.ts';
import { type ShopfloorEvent, SILENT_AFTER_PERIODS, type SignOfLife } from '@stratum/contracts/shopfloor/shopfloor.ts';
import type { MarkReturned, MarkSilent } from './shopfloor.ts';

/** What must be known of a floor to tell whether it is alive. `site` is where its aggregate lives. */
export type WatchedFloor = {
  shopfloorId: string;
  site: string;
  heartbeatPeriodSeconds: number;
  isLive: boolean;
  /** The newest sign of life that the log itself speaks of. */
  knownSeenAt: Instant | null;
};

/** `seenAt`: the newest sign of life, broker's time; null if there was none. `hearingSince`: before it nobody could be heard. */
export type Hearing = { seenAt: Instant | null; now: Date; hearingSince: Date };

/** A change between live and silent, without what only the shell knows. */
export type Transition = Pick<MarkSilent, 'type' | 'data' | 'time'> | Pick<MarkReturned, 'type' | 'data' | 'time'>;

/** The watched floor after one more of its events. */
export function watch(floor: WatchedFloor | undefined, event: ShopfloorEvent, site: string): WatchedFloor | undefined {
  switch (event.type) {
    case 'ShopfloorCommissioned': {
      const { shopfloorId, heartbeatPeriodSeconds } = event.data;
      return { shopfloorId, site, heartbeatPeriodSeconds, isLive: false, knownSeenAt: null };
    }
    case 'ShopfloorWentSilent':
      return floor && { ...floor, isLive: false, knownSeenAt: event.data.lastSeenAt };
    case 'ShopfloorReturned':
      return floor && { ...floor, isLive: true, knownSeenAt: event.data.seenAt };
    case 'CapacitySet':
      return floor;
  }
}

/** Silent for longer than this, a floor is shown as silent. */
export function silentAfterSeconds({ heartbeatPeriodSeconds }: WatchedFloor): number {
  return heartbeatPeriodSeconds * SILENT_AFTER_PERIODS;
}

/**
 * Whether a floor has gone silent or has returned, by the age of its newest sign of life. An old sign, such as one found
 * in a backlog, wakes nobody; and nobody is silent for the time in which nobody could be heard.
 */
export function transitionOf(floor: WatchedFloor, { seenAt, now, hearingSince }: Hearing): Transition | undefined {
  const { shopfloorId, isLive, knownSeenAt } = floor;
  const newest = laterOf(seenAt, knownSeenAt);
  const silentAfter = silentAfterSeconds(floor);
  const silentSeconds = (now.getTime() - (newest === null ? 0 : Date.parse(newest))) / 1000;
  if (!isLive) {
    const isNews = newest !== null && newest !== knownSeenAt && silentSeconds <= silentAfter;
    return isNews ? { type: 'MarkReturned', data: { shopfloorId, seenAt: newest }, time: newest } : undefined;
  }
  const listenedSeconds = (now.getTime() - hearingSince.getTime()) / 1000;
  if (Math.min(silentSeconds, listenedSeconds) <= silentAfter) return undefined;
  const data = { shopfloorId, lastSeenAt: newest, silentAfterSeconds: silentAfter };
  return { type: 'MarkSilent', data, time: now.toISOString() };
}

/** A name counts as in use for this long after it was last used. */
const NAME_SECONDS = 600;

/** The newest sign of life after one more message; a message older than what is known changes nothing but its name's time. */
export function heard(
  known: SignOfLife | undefined,
  { sequence, recordedAt }: { sequence: number; recordedAt: Instant },
  name: string,
): SignOfLife {
  if (known !== undefined && known.sequence >= sequence) return known;
  const oldest = Date.parse(recordedAt) - NAME_SECONDS * 1000;
  const others = Object.entries(known?.names ?? {}).filter(([, usedAt]) => Date.parse(usedAt) >= oldest);
  return { lastSeenAt: recordedAt, sequence, names: { ...Object.fromEntries(others), [name]: recordedAt } };
}

function laterOf(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null || b === null) return a ?? b;
  return Date.parse(a) > Date.parse(b) ? a : b;
}
