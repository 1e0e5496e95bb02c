import {
  type ConsumerMessages,
  type ConsumerNotification,
  DeliverPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { StreamName } from '@stratum/contracts/envelope.ts';
import { onStatus, whenConnected } from './connection-status.ts';
import { LogLost } from './errors.ts';
import { headersOf } from './headers.ts';
import type { RawMessage, StoredIn } from './message.ts';
import { backoffMs, waitMs } from './wait.ts';

export { decodeEvent } from './codec.ts';
export type { RawMessage } from './message.ts';

/** Messages the client holds ahead of its reader; the measured best. */
const BUFFERED_MAX = 2_000;
/** A consumer lost on the server is noticed within two heartbeats. */
const PULL_EXPIRES_MS = 2_000;
const HEARTBEAT_MS = 500;
const BATCH_MAX_DEFAULT = 1_000;
const RETRY_MS_MAX = 2_000;
const API_MS_MAX = 5_000;

export type ReadOptions = {
  stream: StreamName;
  /** First sequence wanted; 1 is the beginning. Where retention has removed it, the next that is left. */
  from: number;
  /** Only messages whose subject matches, `*` and `>` as in NATS; all without it. One filter is an index, several are a scan. */
  subject?: string | undefined;
  /** Ends the reading, after the message or batch being handled. */
  signal: AbortSignal;
  /** `created` of the stream that `from` belongs to, if known: another stream of that name is an error. */
  created?: string;
  /** Called when the server cannot be read just now and is tried again. */
  onTrouble?: (error: Error) => void;
} & (
  | { onMessage: (message: RawMessage) => Promise<void> | void | undefined }
  | {
      /** Gets all messages at hand, at least one, at most `batchMax` (1,000), and no more until it is done. */
      onBatch: (messages: RawMessage[]) => Promise<void>;
      batchMax?: number;
    }
);

/** Where a stream begins and ends: sequences of its first and last message (`last` 0: none ever), and when it was made. */
export type StreamBounds = { first: number; last: number; created: string };

/** Asks the server where a stream begins and ends. @throws JetStreamApiError when there is no such stream */
export async function lastSequence(nc: NatsConnection, stream: StoredIn): Promise<StreamBounds> {
  const manager = await jetstreamManager(nc, { timeout: API_MS_MAX, checkAPI: false });
  const { state, created } = await manager.streams.info(stream);
  return { first: state.first_seq, last: state.last_seq, created };
}

/**
 * Reads a stream in order from a sequence on and never ends by itself: past what is stored it waits for more. Each
 * message is handed over once, without gaps; after a lost connection, a restarted server or a lost consumer it goes on
 * behind the last message handed over. The handler is awaited, so a slow one slows the reading.
 * @returns when the signal aborts
 * @throws LogLost when the stream is shorter than what was read already, or not the same; and what the handler throws
 */
export async function readStream(nc: NatsConnection, options: ReadOptions): Promise<void> {
  const { stream, signal, onTrouble } = options;
  let next = Math.max(1, options.from);
  let { created } = options;
  let failures = 0;
  const batchMax = ('onBatch' in options ? options.batchMax : undefined) ?? BATCH_MAX_DEFAULT;
  while (!signal.aborted) {
    let opened: Opened;
    await whenConnected(nc, signal);
    try {
      created = await checkLog(nc, stream, next, created);
      opened = await openAt(nc, { ...options, from: next });
      failures = 0;
    } catch (error) {
      if (error instanceof LogLost || nc.isClosed() || !(error instanceof Error)) throw error;
      onTrouble?.(error);
      failures += 1;
      await waitMs(backoffMs(failures, RETRY_MS_MAX), signal);
      continue;
    }
    const close = opened.close;
    signal.addEventListener('abort', close, { once: true });
    // Aborted while it was opened: nobody would tell it again, and it would wait for a message that may never come.
    if (signal.aborted) close();
    try {
      for await (const batch of batchesOf(opened.messages, stream, batchMax)) {
        if (signal.aborted) return;
        next = await handOver(batch, options);
      }
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
  }
}

/** Hands a batch to the handler; answers the sequence wanted next. */
async function handOver(batch: RawMessage[], options: ReadOptions): Promise<number> {
  if ('onBatch' in options) {
    await options.onBatch(batch);
  } else {
    for (const message of batch) {
      if (options.signal.aborted) break;
      const handling = options.onMessage(message);
      if (handling !== undefined) await handling;
    }
  }
  return (batch.at(-1)?.sequence ?? 0) + 1;
}

async function checkLog(nc: NatsConnection, stream: StreamName, next: number, created?: string): Promise<string> {
  const bounds = await lastSequence(nc, stream);
  if (created !== undefined && bounds.created !== created) {
    throw new LogLost(`${stream} was created anew at ${bounds.created}; it was read from one created at ${created}`);
  }
  if (next > bounds.last + 1) {
    throw new LogLost(`${stream} ends at ${bounds.last}, but was read up to ${next - 1}: the log was lost or cut`);
  }
  return bounds.created;
}

type Opened = { messages: ConsumerMessages; close: () => void };

/**
 * Opens an ordered consumer. At the first sign of trouble it is closed, which ends its messages behind those at hand, and
 * the reader opens another: one way back for a lost connection, a restarted server and a reader too slow for heartbeats.
 */
async function openAt(
  nc: NatsConnection,
  { stream, from, subject }: Pick<ReadOptions, 'stream' | 'from' | 'subject'>,
): Promise<Opened> {
  const consumer = await jetstream(nc, { timeout: API_MS_MAX }).consumers.get(stream, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    ...(subject === undefined ? {} : { filter_subjects: subject }),
  });
  const messages = await consumer.consume({
    max_messages: BUFFERED_MAX,
    expires: PULL_EXPIRES_MS,
    idle_heartbeat: HEARTBEAT_MS,
  });
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    stopWatching();
    messages.stop();
    // The server would drop the consumer by itself after some minutes.
    consumer.delete().catch(() => undefined);
  };
  const stopWatching = onStatus(nc, ({ type }) => {
    if (type === 'disconnect' || type === 'close') close();
  });
  void (async () => {
    for await (const { type } of messages.status()) if (troubles.has(type)) close();
  })();
  return { messages, close };
}

const troubles = new Set<ConsumerNotification['type']>([
  'heartbeats_missed',
  'consumer_not_found',
  'consumer_deleted',
  'stream_not_found',
  'no_responders',
  'reset',
]);

/** A batch ends when it is full or when neither the client nor the server has more. */
async function* batchesOf(
  messages: ConsumerMessages,
  stream: StreamName,
  batchMax: number,
): AsyncGenerator<RawMessage[]> {
  let batch: RawMessage[] = [];
  for await (const message of messages) {
    batch.push(rawOf(stream, message));
    const hasMore = messages.getReceived() > messages.getProcessed() || message.info.pending > 0;
    if (hasMore && batch.length < batchMax) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function rawOf(stream: StreamName, message: JsMsg): RawMessage {
  return {
    stream,
    subject: message.subject,
    sequence: message.seq,
    recordedAt: instantOf(message.info.timestampNanos),
    headers: headersOf(message),
    data: message.data,
  };
}

let second = Number.NaN;
let secondText = '';

/** UTC instant in milliseconds of the broker's nanoseconds. Messages come many to a second, whose text is made once. */
function instantOf(timestampNanos: number): string {
  const milliseconds = Math.floor(timestampNanos / 1e6);
  const itsSecond = Math.floor(milliseconds / 1000);
  if (itsSecond !== second) {
    second = itsSecond;
    secondText = new Date(itsSecond * 1000).toISOString().slice(0, -'000Z'.length);
  }
  return `${secondText}${String(milliseconds - itsSecond * 1000).padStart(3, '0')}Z`;
}
