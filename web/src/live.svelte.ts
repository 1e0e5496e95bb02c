import { type LiveDocument, liveDocument } from '@stratum/contracts/http.ts';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { z } from 'zod';
import { session } from './account/session.svelte.ts';
import { clock } from './clock.svelte.ts';
import { newId } from './ids.ts';
import { type Connection, connectionAt, LOST_AFTER_MS, reconnectWaitMs } from './live-state.ts';

/** Where the API streams changed documents. */
const LIVE_PATH = '/api/live';
/** A new access token is asked for at most this often, milliseconds; in between, the waits of a lost connection hold. */
const RENEW_AGAIN_AFTER_MS = 10_000;
/** A message larger than this many characters breaks the connection instead of the memory. */
const MESSAGE_CHARACTERS_MAX = 4_000_000;

type Subscription = { collection: string; take: (documents: unknown[]) => void; onReset: () => void };

/**
 * The live feed: every changed document of every read model, over one streamed response. Resumes after the last message it
 * saw; hands over at most once per animation frame, only the newest document per id.
 */
class LiveFeed {
  #subscriptions = new Set<Subscription>();
  #pending = new Map<string, LiveDocument>();
  #flushIsAsked = false;
  #cursor: string | undefined;
  #stop: AbortController | undefined;
  #missed = 0;
  #isResuming = false;
  #isExpired = false;
  #renewedAt = 0;

  #isOpen = $state(false);
  #hasBeenOpen = $state(false);
  #heardAt = $state<number | null>(null);
  #delayMs = $state(0);
  #attempt = $state(0);
  #nextAttemptAt = $state(0);
  #lostAt = $state<number | null>(null);
  #browserIsOffline = $state(!navigator.onLine);
  /** How many updates the newest resume brought, and when; null before the first. */
  caughtUp = $state.raw<{ updates: number; at: number } | null>(null);

  constructor() {
    addEventListener('online', () => {
      this.#browserIsOffline = false;
      this.#nextAttemptAt = Date.now();
    });
    // A page that comes back into view does not wait out its turn.
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#nextAttemptAt = Date.now();
    });
    addEventListener('offline', () => {
      this.#browserIsOffline = true;
    });
  }

  /** What to show about the connection now. */
  get connection(): Connection {
    return connectionAt(
      {
        isOpen: this.#isOpen,
        hasBeenOpen: this.#hasBeenOpen,
        heardAt: this.#heardAt,
        delayMs: this.#delayMs,
        attempt: this.#attempt,
        nextAttemptAt: this.#nextAttemptAt,
        lostAt: this.#lostAt,
        browserIsOffline: this.#browserIsOffline,
      },
      clock.now,
    );
  }

  /**
   * Calls `take` with the changed documents of a collection; those that do not fit the schema are left out. `onReset` asks for a
   * new snapshot: the server cannot tell what was missed. Answers the way to unsubscribe.
   */
  subscribe<Schema extends z.ZodType>(
    collection: string,
    schema: Schema,
    take: (documents: z.output<Schema>[]) => void,
    onReset: () => void,
  ): () => void {
    const subscription: Subscription = {
      collection,
      take: (documents) =>
        take(
          documents
            .map((document) => schema.safeParse(document))
            .flatMap((parsed) => (parsed.success ? [parsed.data] : [])),
        ),
      onReset,
    };
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  /** Opens the feed and keeps it open until `close`. */
  open(): void {
    if (this.#stop !== undefined) return;
    const stop = new AbortController();
    this.#stop = stop;
    void this.#keepOpen(stop.signal);
  }

  /** Closes the feed and forgets where it was. */
  close(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#cursor = undefined;
    this.#pending.clear();
    this.#isOpen = false;
    this.#hasBeenOpen = false;
    this.#lostAt = null;
    this.#attempt = 0;
  }

  async #keepOpen(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#isExpired = false;
      await this.#readOnce(stop).catch(() => undefined);
      if (stop.aborted) return;
      // The end of an access token is no loss: with a new one the feed goes on where it was.
      if (this.#isExpired && (await this.#renew())) continue;
      if (this.#isOpen || this.#lostAt === null) this.#lostAt = Date.now();
      this.#isOpen = false;
      this.#attempt += 1;
      this.#nextAttemptAt = Date.now() + reconnectWaitMs(this.#attempt, Math.random());
      while (!stop.aborted && Date.now() < this.#nextAttemptAt) await pause(100);
    }
  }

  /** Gets a new access token, unless it just did and that was refused too. */
  async #renew(): Promise<boolean> {
    if (Date.now() - this.#renewedAt < RENEW_AGAIN_AFTER_MS) return false;
    this.#renewedAt = Date.now();
    return session.refresh();
  }

  /** One connection, until it ends, breaks or falls silent. */
  async #readOnce(stop: AbortSignal): Promise<void> {
    const silence = new AbortController();
    const watch = setInterval(() => {
      if (Date.now() - lastByteAt > LOST_AFTER_MS) silence.abort();
    }, 1000);
    let lastByteAt = Date.now();
    try {
      const response = await this.#request(AbortSignal.any([stop, silence.signal]));
      this.#isExpired = response.status === 401;
      if (!response.ok || response.body === null) return;
      this.#opened();
      const parser = createParser({
        onEvent: (message) => this.#receive(message),
        maxBufferSize: MESSAGE_CHARACTERS_MAX,
      });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        lastByteAt = Date.now();
        this.#heardAt = lastByteAt;
        parser.feed(chunk.value);
      }
    } finally {
      clearInterval(watch);
      silence.abort();
    }
  }

  #request(signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: 'text/event-stream', 'x-correlation-id': newId() };
    if (session.accessToken !== null) headers.authorization = `Bearer ${session.accessToken}`;
    if (this.#cursor !== undefined) headers['last-event-id'] = this.#cursor;
    return fetch(LIVE_PATH, { headers, signal, cache: 'no-store' });
  }

  #opened(): void {
    this.#isResuming = this.#lostAt !== null;
    this.#isOpen = true;
    this.#hasBeenOpen = true;
    this.#heardAt = Date.now();
    this.#lostAt = null;
    this.#attempt = 0;
    this.#missed = 0;
    // Without a place to resume from, what happened since the snapshots were taken is unknown: everyone loads anew.
    if (this.#cursor === undefined) this.#reset();
  }

  /** The server has sent all that was missed. */
  #ready(): void {
    if (this.#isResuming) this.caughtUp = { updates: this.#missed, at: Date.now() };
    this.#isResuming = false;
  }

  #receive(message: EventSourceMessage): void {
    if (message.id !== undefined && message.id !== '') this.#cursor = message.id;
    if (message.event === 'ready') this.#ready();
    if (message.event === 'expired') this.#isExpired = true;
    if (message.event === 'reset') this.#reset();
    if (message.event !== 'document') return;
    const parsed = liveDocument.safeParse(parseJson(message.data));
    if (!parsed.success) return;
    this.#missed += 1;
    const { collection, id, document } = parsed.data;
    this.#pending.set(`${collection}/${id}`, parsed.data);
    if (collection === 'twin_state' && typeof document.recordedAt === 'string') {
      this.#delayMs = Date.now() - Date.parse(document.recordedAt);
    }
    this.#askFlush();
  }

  #reset(): void {
    // Nobody knows what was missed, so nothing is said about it.
    this.#isResuming = false;
    this.#pending.clear();
    for (const subscription of this.#subscriptions) subscription.onReset();
  }

  /** Frames stand still in a hidden page; then a slow timer hands over, so that nothing piles up and the title stays true. */
  #askFlush(): void {
    if (this.#flushIsAsked) return;
    this.#flushIsAsked = true;
    if (document.hidden) setTimeout(() => this.#flush(), 1000);
    else requestAnimationFrame(() => this.#flush());
  }

  #flush(): void {
    this.#flushIsAsked = false;
    const byCollection = Map.groupBy(this.#pending.values(), (change) => change.collection);
    this.#pending.clear();
    for (const { collection, take } of this.#subscriptions) {
      const changes = byCollection.get(collection);
      if (changes !== undefined) take(changes.map((change) => change.document));
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const live = new LiveFeed();
