import type { NatsConnection } from '@nats-io/transport-node';
import { isAway } from './errors.ts';
import { type CopyState, copyState } from './inbox.ts';
import type { Logger } from './logger.ts';
import { everyMs } from './wait.ts';

const LOOK_EVERY_MS = 2_000;
/** After a restart of the server copies are back within half a second; standing still for this long is trouble. */
const STANDSTILL_MS_MAX = 10_000;

/** What was seen of the copying, and since when it has not moved although something waits. */
export type CopyWatch = { state: CopyState; stillSinceMs: number | undefined };

/** Takes another look into account; `nowMs` is of a clock that nobody sets. */
export function watchCopy(before: CopyWatch | undefined, state: CopyState, nowMs: number): CopyWatch {
  const isWaiting = state.kind === 'copying' && state.waiting > 0;
  if (!isWaiting) return { state, stillSinceMs: undefined };
  const isStill = before?.state.kind === 'copying' && before.state.copied === state.copied;
  return { state, stillSinceMs: isStill ? (before.stillSinceMs ?? nowMs) : nowMs };
}

/** What is wrong with the copying, in a few words for everybody; `undefined` if nothing is. */
export function troubleOf({ state, stillSinceMs }: CopyWatch, nowMs: number): string | undefined {
  if (state.kind === 'missing') return 'what devices send is not copied into DEVICES: the copier is missing';
  if (stillSinceMs === undefined || nowMs - stillSinceMs < STANDSTILL_MS_MAX || state.kind !== 'copying')
    return undefined;
  const seconds = Math.round((nowMs - stillSinceMs) / 1_000);
  return `${state.waiting} messages of devices have not been copied into DEVICES for ${seconds} s`;
}

/** Looks again and again whether what devices sent comes from the broker into DEVICES. Ends with the signal. */
export function watchInbox({ nc, signal, logger }: { nc: NatsConnection; signal: AbortSignal; logger: Logger }) {
  let watch: CopyWatch | undefined;
  const look = async () => {
    watch = watchCopy(watch, await copyState(nc), performance.now());
    const trouble = troubleOf(watch, performance.now());
    if (trouble !== undefined) logger.error({ state: watch.state }, trouble);
  };
  const onTrouble = (err: unknown) => {
    // That NATS is away is told elsewhere.
    if (!isAway(err)) logger.warn({ err }, 'the copying from the broker cannot be looked at just now');
  };
  return {
    stopped: everyMs(LOOK_EVERY_MS, look, signal, onTrouble),
    /** How many messages were copied so far. */
    copied: () => (watch?.state.kind === 'copying' ? watch.state.copied : 0),
    trouble: () => (watch === undefined ? undefined : troubleOf(watch, performance.now())),
  };
}
