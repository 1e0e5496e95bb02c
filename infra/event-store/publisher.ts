import {
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  nuid,
  PermissionViolationError,
  type Status,
} from '@nats-io/transport-node';
import { newInbox } from './connection.ts';
import { isConnected, onStatus } from './connection-status.ts';
import { Overloaded, refusalOf, ServerRefused, Unavailable } from './errors.ts';
import { headersOf, statusOf } from './headers.ts';

/** At most this many requests wait for the server's answer; the measured best lies between 256 and 1024. */
const IN_FLIGHT_MAX = 512;
/** At most this many more wait for their turn; beyond it a request is refused at once. */
const WAITING_MAX = 100_000;
const ANSWER_MS_MAX = 5_000;
const SWEEP_EVERY_MS = 100;
const NOBODY_TAKES_IT = 503;
const TOO_MANY = 429;
const END_OF_BATCH = 204;
const NOTHING_FOUND = 404;
const FORBIDDEN = 403;

/** The server's word that a message is stored. `isDuplicate`: it was there before, at this sequence. */
export type Acknowledgement = { sequence: number; isDuplicate: boolean };

/** A message on its way into a stream; `headers` are lines made by `header`. */
export type OutgoingMessage = { subject: string; headers: string; body: Uint8Array };

/** Some stored messages in order; `pending` says how many more match. */
export type StoredPage = { messages: Msg[]; pending: number };

/**
 * Requests to JetStream over one inbox: each reply subject is the inbox and a number, which finds the waiting promise in
 * a map. No timer, no subscription, no error object per request, and headers are written as text: two to three times the
 * client's own `publish`. All promises reject with `Unavailable` (no answer within 5 s, connection lost, no stream; `Undecided`
 * while several servers are still agreeing), `ServerRefused` or `Overloaded`.
 */
export type Publisher = {
  /** Whether the server is one of several, so that what a stream holds may be answered by a copy that is behind. */
  readonly isCluster: boolean;
  /** Publishes into a stream and waits until it is stored. `headers` are lines made by `header`. */
  publish(subject: string, body: Uint8Array, headers: string): Promise<Acknowledgement>;
  /**
   * Publishes up to 1,000 messages into a stream, all or none, and waits until they are stored: the answer is about the
   * last. Only that one asks for an answer, so a batch costs one round trip.
   */
  publishBatch(messages: readonly OutgoingMessage[]): Promise<Acknowledgement>;
  /** Asks a stream for stored messages: `request` is the body of a direct get batch, as JSON. */
  getBatch(stream: string, request: string): Promise<StoredPage>;
  /** Asks a stream for the newest message of a subject. */
  getLast(stream: string, subject: string): Promise<Msg | undefined>;
  /**
   * Asks the one server that decides about a stream for the newest sequence of a subject, 0 if there is none: it knows of
   * everything acknowledged, while the others, which may answer `getBatch` and `getLast`, may be behind.
   */
  getNewestSequence(stream: string, subject: string): Promise<number>;
};

/** One header line. @throws TypeError when the value could break out of its line */
export function header(name: string, value: string): string {
  if (value.includes('\n') || value.includes('\r')) throw new TypeError(`the header ${name} must be one line`);
  return `${name}: ${value}\r\n`;
}

type Request = {
  subject: string;
  body: Uint8Array;
  headers: string;
  deadline: number;
  reject: (error: Error) => void;
} & (
  | { kind: 'store'; resolve: (acknowledgement: Acknowledgement) => void }
  | { kind: 'get-batch'; resolve: (page: StoredPage) => void; messages: Msg[] }
  | { kind: 'get-last'; resolve: (message: Msg | undefined) => void }
  | { kind: 'get-newest'; resolve: (sequence: number) => void }
);

const DOWN = 'the connection to NATS is down';
const nothing = new Uint8Array();
const publishers = new WeakMap<NatsConnection, Publisher>();

/** The publisher of a connection: one for all that use it; it ends with the connection. */
export function publisherOf(nc: NatsConnection): Publisher {
  const known = publishers.get(nc);
  if (known !== undefined) return known;
  const publisher = createPublisher(nc);
  publishers.set(nc, publisher);
  return publisher;
}

function createPublisher(nc: NatsConnection): Publisher {
  const inbox = `${newInbox(nc)}.`;
  const inFlight = new Map<string, Request>();
  const waiting = new Set<Request>();
  let count = 0;

  nc.subscribe(`${inbox}*`, {
    callback: (error, message) => {
      if (error !== null) return rejectAll(error);
      const key = message.subject.slice(inbox.length);
      const request = inFlight.get(key);
      if (request === undefined || !answer(request, message)) return;
      inFlight.delete(key);
      startWaiting();
    },
  });
  const sweep = setInterval(rejectLate, SWEEP_EVERY_MS);
  sweep.unref();
  onStatus(nc, follow);

  const publish = (subject: string, body: Uint8Array, headers: string): Promise<Acknowledgement> =>
    new Promise((resolve, reject) => enter({ kind: 'store', subject, body, headers, deadline: 0, resolve, reject }));

  return {
    get isCluster() {
      return nc.info !== undefined && 'cluster' in nc.info;
    },
    publish,
    async publishBatch(messages) {
      // Members sent into a broken connection would arrive when it is back, as half a batch.
      if (!isConnected(nc)) throw new Unavailable(DOWN);
      const members = messages.map(inBatch(nuid.next()));
      const last = members.pop();
      if (last === undefined) throw new RangeError('a batch has a message at least');
      for (const { subject, body, headers } of members) nc.publish(subject, body, { headers: raw(headers) });
      return publish(last.subject, last.body, header('Nats-Batch-Commit', '1') + last.headers);
    },
    getBatch: (stream, request) =>
      new Promise((resolve, reject) => {
        const subject = `$JS.API.DIRECT.GET.${stream}`;
        const body = Buffer.from(request);
        enter({ kind: 'get-batch', subject, body, headers: '', deadline: 0, resolve, reject, messages: [] });
      }),
    getLast: (stream, of) =>
      new Promise((resolve, reject) => {
        const subject = `$JS.API.DIRECT.GET.${stream}.${of}`;
        enter({ kind: 'get-last', subject, body: nothing, headers: '', deadline: 0, resolve, reject });
      }),
    getNewestSequence: (stream, of) =>
      new Promise((resolve, reject) => {
        const subject = `$JS.API.STREAM.MSG.GET.${stream}`;
        const body = Buffer.from(JSON.stringify({ last_by_subj: of }));
        enter({ kind: 'get-newest', subject, body, headers: '', deadline: 0, resolve, reject });
      }),
  };

  function enter(request: Request): void {
    if (!isConnected(nc)) request.reject(new Unavailable(DOWN));
    else if (inFlight.size < IN_FLIGHT_MAX) start(request);
    else if (waiting.size < WAITING_MAX) waiting.add(request);
    else request.reject(new Overloaded(`${WAITING_MAX} requests to NATS are waiting already`));
  }

  function start(request: Request): void {
    const key = (count++).toString(36);
    request.deadline = Date.now() + ANSWER_MS_MAX;
    inFlight.set(key, request);
    try {
      const { subject, body, headers } = request;
      nc.publish(
        subject,
        body,
        headers === '' ? { reply: inbox + key } : { reply: inbox + key, headers: raw(headers) },
      );
    } catch (error) {
      inFlight.delete(key);
      request.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  function startWaiting(): void {
    for (const next of waiting) {
      if (inFlight.size >= IN_FLIGHT_MAX) return;
      waiting.delete(next);
      start(next);
    }
  }

  /** A map keeps the order of insertion, which is the order of the deadlines. */
  function rejectLate(): void {
    const now = Date.now();
    for (const [key, request] of inFlight) {
      if (request.deadline > now) break;
      inFlight.delete(key);
      request.reject(new Unavailable(`no answer on ${request.subject} within ${ANSWER_MS_MAX} ms`));
    }
    startWaiting();
  }

  function rejectAll(error: Error, isMeant: (request: Request) => boolean = () => true): void {
    for (const [key, request] of inFlight) {
      if (!isMeant(request)) continue;
      inFlight.delete(key);
      request.reject(error);
    }
    for (const request of waiting) {
      if (!isMeant(request)) continue;
      waiting.delete(request);
      request.reject(error);
    }
    startWaiting();
  }

  function follow(status: Status): void {
    if (status.type === 'disconnect') {
      rejectAll(new Unavailable('the connection to NATS was lost'));
    } else if (status.type === 'error' && status.error instanceof PermissionViolationError) {
      const { subject, message } = status.error;
      rejectAll(new ServerRefused(FORBIDDEN, message), (request) => request.subject === subject);
    } else if (status.type === 'close') {
      clearInterval(sweep);
      rejectAll(new Unavailable('the connection to NATS was closed'));
    }
  }
}

/** Settles a request by a message of the server; false while more messages are to come. */
function answer(request: Request, message: Msg): boolean {
  const status = statusOf(message);
  if (status.code === NOBODY_TAKES_IT) {
    request.reject(new Unavailable(`no stream takes ${request.subject} just now`));
  } else if (request.kind === 'store') {
    settleStored(request, message);
  } else if (request.kind === 'get-newest') {
    settleNewest(request, message);
  } else if (request.kind === 'get-last') {
    if (status.code === 0) request.resolve(message);
    else if (status.code === NOTHING_FOUND) request.resolve(undefined);
    else request.reject(new ServerRefused(status.code, status.description));
  } else if (status.code === 0) {
    request.messages.push(message);
    return false;
  } else if (status.code === END_OF_BATCH || status.code === NOTHING_FOUND) {
    const pending = Number(headersOf(message).get('Nats-Num-Pending') ?? 0);
    request.resolve({ messages: request.messages, pending });
  } else {
    request.reject(new ServerRefused(status.code, status.description));
  }
  return true;
}

type ApiError = { code: number; err_code: number; description: string };

function settleStored(request: Extract<Request, { kind: 'store' }>, message: Msg): void {
  type Answer = { seq?: number; duplicate?: boolean; error?: ApiError };
  const { error, seq = 0, duplicate = false } = message.json<Answer>();
  if (error === undefined) request.resolve({ sequence: seq, isDuplicate: duplicate });
  else request.reject(errorOf(error));
}

function settleNewest(request: Extract<Request, { kind: 'get-newest' }>, message: Msg): void {
  const { error, message: newest } = message.json<{ message?: { seq: number }; error?: ApiError }>();
  if (error === undefined || error.code === NOTHING_FOUND) request.resolve(newest?.seq ?? 0);
  else request.reject(errorOf(error));
}

function errorOf({ code, err_code, description }: ApiError): Error {
  if (code === NOBODY_TAKES_IT || code === TOO_MANY) return new Unavailable(description);
  return refusalOf(err_code, description);
}

/** Makes messages members of one batch, in their order. */
function inBatch(batchId: string): (message: OutgoingMessage, index: number) => OutgoingMessage {
  const id = header('Nats-Batch-Id', batchId);
  return ({ subject, headers, body }, index) => ({
    subject,
    headers: id + header('Nats-Batch-Sequence', String(index + 1)) + headers,
    body,
  });
}

/** The client only ever calls `encode` of the headers it publishes. */
function raw(headers: string): MsgHdrs {
  return { encode: () => Buffer.from(`NATS/1.0\r\n${headers}\r\n`) } as unknown as MsgHdrs;
}
