import type { TwinStateDocument } from '@stratum/contracts/twin/twin.ts';
import type { Folded, ProjectedEvent, Projection } from '@stratum/infra/projector/projection.ts';

/** The trail holds this many minutes, the newest included. */
export const TRAIL_MINUTES = 60;

/**
 * Read model `twin_state`: the newest reading of each twin and a trail of its last hour. `_id` = twinId.
 * Live values reach browsers before the database, so the document is written at most every two seconds.
 */
export const twinState: Projection<TwinStateDocument> = {
  name: 'twin_state',
  version: 1,
  stream: 'TELEMETRY',
  writeEverySeconds: 2,
  announce: 'folded',
  // One is kept for every hour of each twin, about 5 KB, so that at most an hour of readings is folded again.
  past: { subject: (twinId) => twinId, period: ({ observedAt }) => observedAt.slice(0, 'yyyy-mm-ddThh'.length) },
  keys: (event) => (event.type === 'ReadingRecorded' ? [event.envelope.subject] : []),
  fold,
};

type Trail = TwinStateDocument['trail'];
type Values = Record<string, number>;

function fold(state: TwinStateDocument | undefined, event: ProjectedEvent): Folded<TwinStateDocument> | undefined {
  if (event.type !== 'ReadingRecorded') return state;
  const { observedAt, values, outside } = event.data;
  const observedMs = Date.parse(observedAt);
  const minute = Math.floor(observedMs / 60_000);
  if (state === undefined) {
    return {
      _id: event.envelope.subject,
      site: event.recorded.site,
      observedAt,
      recordedAt: event.recorded.recordedAt,
      values,
      outside,
      readingCount: 1,
      trail: [{ minute, values }],
    };
  }
  const readingCount = state.readingCount + 1;
  if (observedMs < Date.parse(state.observedAt)) {
    return { ...state, readingCount, trail: withLateReading(state.trail, minute, values) };
  }
  return {
    ...state,
    observedAt,
    recordedAt: event.recorded.recordedAt,
    values: { ...state.values, ...values },
    outside: { ...without(state.outside, values), ...outside },
    readingCount,
    trail: withNewReading(state.trail, minute, values),
  };
}

/** A reading may hold some of the parameters only; what is known of the others stays. */
function without(outside: TwinStateDocument['outside'], values: Values): TwinStateDocument['outside'] {
  return Object.fromEntries(Object.entries(outside).filter(([parameter]) => !(parameter in values)));
}

function withNewReading(trail: Trail, minute: number, values: Values): Trail {
  const newest = trail.at(-1);
  if (newest?.minute === minute) return [...trail.slice(0, -1), { minute, values: { ...newest.values, ...values } }];
  return [...trail.filter((entry) => entry.minute > minute - TRAIL_MINUTES), { minute, values }];
}

/** A late reading fills a minute that has no value yet; it never replaces one, which may be younger. */
function withLateReading(trail: Trail, minute: number, values: Values): Trail {
  const newest = trail.at(-1)?.minute ?? minute;
  if (minute <= newest - TRAIL_MINUTES) return trail;
  const known = trail.find((entry) => entry.minute === minute);
  if (known === undefined) return [...trail, { minute, values }].sort((one, other) => one.minute - other.minute);
  return trail.map((entry) => (entry === known ? { minute, values: { ...values, ...known.values } } : entry));
}
