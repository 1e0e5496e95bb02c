import { Rejected } from '@stratum/contracts/decider.ts';
import type { Problem as ProblemView } from '@stratum/contracts/http.ts';
import { MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb';
import { z } from 'zod';
import { type FieldError, fieldErrorsOf } from './field-errors.ts';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

/** Beyond the sentence of `title`: which one, why, and when to come again. */
export type ProblemMore = {
  detail?: string;
  /** A PascalCase fact that a program may act on. */
  code?: string;
  errors?: FieldError[];
  retryAfterSeconds?: number;
};

/**
 * An answer that is not a success, as RFC 9457 problem details. Throw it from a route or hook; the app turns it into
 * `application/problem+json`. `status` is the HTTP status 400..599, `title` a short sentence that is the same for every
 * such problem.
 */
export class Problem extends Error {
  readonly statusCode: number;
  readonly title: string;
  readonly more: ProblemMore;

  constructor(status: number, title: string, more: ProblemMore = {}) {
    super(more.detail ?? title);
    this.name = 'Problem';
    this.statusCode = status;
    this.title = title;
    this.more = more;
  }
}

/** 404 for a thing that is not there: `notFound('order', 'ORD-…')`. */
export function notFound(what: string, id: string): Problem {
  return new Problem(404, 'Not found', { detail: `There is no ${what} ${id}.` });
}

/** 400 that names the fields: what a schema refused. */
export function invalidRequest(errors: FieldError[]): Problem {
  return new Problem(400, 'The request is not valid', { detail: sentenceOf(errors), errors });
}

/**
 * Turns whatever a route threw into a problem. `Rejected` is 409, a ZodError 400, `NotYet` (a read model that is not yet
 * where `?after=` asked) 503 with Retry-After; NATS or database out of reach 503; what Fastify names keeps its status;
 * anything else is a defect: 500 that tells nothing but the correlation id.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof Rejected) {
    const errors = error.field === undefined ? undefined : [{ field: error.field, message: error.message }];
    return new Problem(409, 'Refused', { detail: error.message, code: error.code, ...(errors && { errors }) });
  }
  if (error instanceof z.ZodError) return invalidRequest(fieldErrorsOf(error));
  if (!(error instanceof Error)) return defect();
  if (isDatabaseAway(error)) return unavailable('The read models are out of reach. They are being reconnected.');
  if (isLineBroken(error)) return unavailable('A server behind this one is out of reach. It is being reconnected.');
  return byName(error) ?? byFastifyCode(error) ?? defect();
}

/** Writes a problem as its body; `correlationId` lets a person find it in the log. */
export function problemBody(problem: Problem, instance: string, correlationId: string): ProblemView {
  const { detail, code, errors } = problem.more;
  return {
    type: code === undefined ? 'about:blank' : `urn:stratum:problem:${code}`,
    title: problem.title,
    status: problem.statusCode,
    ...(detail === undefined ? {} : { detail }),
    instance,
    ...(code === undefined ? {} : { code }),
    ...(errors === undefined ? {} : { errors }),
    correlationId,
  };
}

const defect = (): Problem =>
  new Problem(500, 'Something went wrong here', { detail: 'The correlation id leads to the cause in the log.' });

const unavailable = (detail: string): Problem =>
  new Problem(503, 'Not available right now', { detail, retryAfterSeconds: 1 });

/** How the database says that it, or what it stands on, is going down, coming up or broken (MongoDB's error codes). */
const databaseTroubleCodes = new Set<unknown>([1, 6, 7, 89, 91, 189, 9001, 10_107, 11_600, 11_602, 13_435, 13_436]);

/** Whether a query failed because the database cannot be reached or cannot serve just now. */
function isDatabaseAway(error: Error): boolean {
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  if (error instanceof MongoServerError) return databaseTroubleCodes.has(error.code);
  return /^Mongo(NotConnected|PoolClosed|ServerClosed|TopologyClosed|ClientClosed|WaitQueueTimeout|OperationTimeout|UnexpectedServerResponse)Error$/.test(
    error.name,
  );
}

/** What the system says when a connection breaks; drivers let it through when it breaks at the wrong moment. */
const brokenLineCodes = new Set<unknown>([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

const isLineBroken = (error: Error): boolean => 'code' in error && brokenLineCodes.has(error.code);

/** Errors of the machinery, told by name: they come from libraries that this file need not load. */
function byName(error: Error): Problem | undefined {
  switch (error.name) {
    case 'NotYet':
      return new Problem(503, 'Not yet', {
        code: 'NotYet',
        detail: 'The read model has not reached the position asked for. Ask again.',
        retryAfterSeconds: 1,
      });
    case 'PastNotServed':
      return unavailable(`${error.message}.`);
    case 'NoSuchMoment':
      return invalidRequest([{ field: 'asOf', message: error.message }]);
    case 'AgedOut':
      return new Problem(410, 'Not kept any more', {
        code: 'AgedOut',
        detail: `asOf: ${error.message}`,
        errors: [{ field: 'asOf', message: error.message }],
      });
    case 'TooMuchContention':
      return unavailable('Too many changes to the same thing at once. Try again.');
    case 'Overloaded':
      return unavailable('Too much is waiting here. Try again.');
    case 'CommandIdTaken':
      return new Problem(422, 'The Idempotency-Key was used for another request', {
        code: 'IdempotencyKeyReused',
        detail: 'This key came before with another request. Use a new key for a new one.',
      });
    case 'EventTooLarge':
      return new Problem(413, 'The body is too large', { detail: error.message });
    case 'Unavailable':
    case 'ClosedConnectionError':
    case 'ConnectionError':
    case 'DrainingConnectionError':
    case 'NoRespondersError':
    case 'RequestError':
    case 'TimeoutError':
      return unavailable('The event log is out of reach. It is being reconnected.');
    default:
      return undefined;
  }
}

/** Fastify's own refusals, put in words that say what to do. */
function byFastifyCode(error: Error): Problem | undefined {
  const code = 'code' in error ? error.code : undefined;
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem(415, 'Content type not supported', { detail: 'Send the body as application/json.' });
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem(413, 'The body is too large', { detail: 'Send less at once.' });
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new Problem(400, 'The request is not valid', { detail: 'The body is empty; send JSON.' });
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Problem(400, 'The request is not valid', { detail: 'The body is not valid JSON.' });
    case 'FST_ERR_HANDLER_TIMEOUT':
      return unavailable('The answer took too long.');
    default:
      if (error instanceof SyntaxError && status === 400) {
        return new Problem(400, 'The request is not valid', { detail: 'The body is not valid JSON.' });
      }
      return status >= 400 && status < 500
        ? new Problem(status, 'The request is not valid', { detail: error.message })
        : undefined;
  }
}

/** Fields shown in the one-line `detail`; all of them are in `errors`. */
const FIELDS_IN_DETAIL_MAX = 3;

function sentenceOf(errors: FieldError[]): string {
  const shown = errors.slice(0, FIELDS_IN_DETAIL_MAX).map(({ field, message }) => `${field}: ${message}`);
  const hidden = errors.length - shown.length;
  return `${shown.join('; ')}${hidden > 0 ? `; and ${hidden} more` : ''}`;
}
