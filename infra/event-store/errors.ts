import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

/** The server cannot be reached or cannot take anything just now: it may be tried again. The outcome is unknown. */
export class Unavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Unavailable';
  }
}

/**
 * Several servers are still agreeing on this very message, or on another one of its subject: nothing is decided, so look
 * or ask again a moment later.
 */
export class Undecided extends Unavailable {}

/** The server answered no. `code` is JetStream's `err_code` (10071: wrong last sequence), or the status where there is none. */
export class ServerRefused extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'ServerRefused';
    this.code = code;
  }
}

/** More is waiting than this process holds; slow down and try again. */
export class Overloaded extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Overloaded';
  }
}

/** An event's data is larger than the log takes. */
export class EventTooLarge extends Error {
  constructor(type: string, bytes: number, bytesMax: number) {
    super(`${type} has ${bytes} bytes of data; at most ${bytesMax} are recorded`);
    this.name = 'EventTooLarge';
  }
}

/** Something that is no event of the contract was about to be written or has been read; a defect, never retried. */
export class NotInContract extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NotInContract';
  }
}

/** The id of a command was used before for something else: ids must be unique in the whole log. */
export class CommandIdTaken extends Error {
  constructor(commandId: string) {
    super(`the command id ${commandId} was used before, and not for this`);
    this.name = 'CommandIdTaken';
  }
}

/** Rivals wrote to the aggregate each time the command was decided. */
export class TooMuchContention extends Error {
  constructor(subject: string, attempts: number) {
    super(`gave up on ${subject} after ${attempts} conflicts`);
    this.name = 'TooMuchContention';
  }
}

/** The log is not the one that was read before: it is shorter than a position already reached, or was created anew. */
export class LogLost extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LogLost';
  }
}

/** What JetStream (`err_code`) says to a guarded write when something else was written before. */
const WRONG_LAST_SEQUENCE = 10071;
/** And while several servers are still agreeing: on this very message (10158), or on another one of its subject (10164). */
const STILL_AGREEING = new Set([10158, 10164]);

/** Whether a guarded write was refused because something else was written before, whichever part of the client says so. */
export function isOvertaken(error: unknown): boolean {
  return (error instanceof ServerRefused || error instanceof JetStreamApiError) && error.code === WRONG_LAST_SEQUENCE;
}

/** Whether a write is not decided yet, whichever part of the client says so. */
export function isUndecided(error: unknown): boolean {
  return error instanceof Undecided || (error instanceof JetStreamApiError && STILL_AGREEING.has(error.code));
}

/** A refusal of the server by its `err_code`. */
export function refusalOf(code: number, message: string): ServerRefused | Undecided {
  return STILL_AGREEING.has(code) ? new Undecided(message) : new ServerRefused(code, message);
}

const AWAY_STATUS = 503;

/**
 * Whether NATS is away, has no hands free or has not decided yet, whichever part of the client says so: nothing is wrong with the request, and
 * it may be tried again.
 */
export function isAway(error: unknown): boolean {
  return (
    error instanceof Unavailable ||
    error instanceof Overloaded ||
    isUndecided(error) ||
    error instanceof errors.TimeoutError ||
    error instanceof errors.RequestError ||
    error instanceof errors.NoRespondersError ||
    error instanceof errors.ConnectionError ||
    (error instanceof JetStreamApiError && error.status === AWAY_STATUS)
  );
}
