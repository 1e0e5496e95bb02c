import type { Msg, NatsConnection } from '@nats-io/nats-core';
import type { Permission } from '@stratum/contracts/account/account.ts';
import { parsePosition, positionSchema } from '@stratum/contracts/envelope.ts';
import { onStatus } from '../event-store/connection-status.ts';
import type { Logger } from '../log.ts';
import { LIVE_POSITION_HEADER, onBegun, onProgress } from '../projector/live.ts';
import type { ProjectedStream } from '../projector/projection.ts';
import type { ReadModels } from '../projector/read-models.ts';
import { cursorOf, cursorText, type LiveCursor } from './live-cursor.ts';
import { type Audience, type LiveMessage, liveMessage, messagesFor } from './live-message.ts';
import { changedSince } from './live-resume.ts';
import type { User } from './security.ts';

/** A document as it lies in a read model. */
export type LiveBody = Record<string, unknown>;

/** Documents that browsers may watch. */
export type LiveCollection = {
  /** What their read model is folded from. Null: they are announced only and kept nowhere, so nobody is told what was missed. */
  stream: ProjectedStream | null;
  /** Who may see every document of it. */
  permission: Permission;
  /** Who else may see some of it: the document as this user may see it, or `undefined` for not at all. */
  part?: { permission: Permission; of: (document: LiveBody, user: User) => LiveBody | undefined };
};
export type LiveCollections = Record<string, LiveCollection>;

/** What comes within this time goes out in one write per client; a document that changed twice goes once. */
const FLUSH_EVERY_MS = 25;
/** Documents announced before they are written, kept for those who join meanwhile. The oldest go first. */
const UNWRITTEN_MAX = 5_000;
/** After a gap the read models are asked twice: at once, and when what was in memory then has been written. */
const GAP_LOOKS_AFTER_MS = [100, 3_500];

/** A client of the feed. `write` must not block; `reset` says that too much was missed to be told. */
export type LiveClient = { audience: Audience; write: (text: string) => void; reset: () => void };

export type LiveFeed = {
  /** How far every client that is up to date has seen. */
  cursor: () => LiveCursor;
  /** Adds a client and answers how to remove it. It first gets what was announced but is not yet in the read models. */
  join: (client: LiveClient) => () => void;
  /** What of these collections changed behind a cursor; `undefined` if that is too much. */
  since: (cursor: LiveCursor, collections: readonly string[]) => Promise<LiveMessage[] | undefined>;
  clientCount: () => number;
  close: () => void;
};

/**
 * Hears every `live.>` message of the projector once per process and fans it out. A message is made into text once for
 * all who may see the whole document. If messages may have been missed (the connection was away, the projector began
 * anew), what changed meanwhile is read from the read models and sent to all, and the cursor stands still until then.
 */
export function openLiveFeed(options: {
  nc: NatsConnection;
  readModels: ReadModels;
  collections: LiveCollections;
  logger: Logger;
}): LiveFeed {
  const { nc, readModels, collections, logger } = options;
  const clients = new Set<LiveClient>();
  const heard = new Map<string, number>();
  const pending = new Map<string, LiveMessage>();
  const unwritten = new Map<string, LiveMessage>();
  let flushTimer: NodeJS.Timeout | undefined;
  let frozen: LiveCursor | undefined;
  let gapTimers: NodeJS.Timeout[] = [];

  const reached = (collection: string): number => {
    const known = heard.get(collection);
    if (known !== undefined) return known;
    const position = readModels.position(collection);
    return position === undefined ? 0 : parsePosition(position).sequence;
  };
  const cursor = (): LiveCursor => frozen ?? cursorOf(collections, reached);
  const since: LiveFeed['since'] = (from, names) => changedSince(readModels, collections, from, names, reached);

  const announcements = nc.subscribe('live.>', {
    callback: (error, message) => {
      if (error === null) take(message);
    },
  });
  const progress = onProgress(nc, ({ name, collection, position }) => {
    if (!Object.hasOwn(collections, name)) return;
    // A new version that is being built beside the served one announces nothing but its progress.
    if (collection !== readModels.collection(name).collectionName) return;
    heard.set(name, position);
    for (const [key, one] of unwritten) {
      if (one.collection === name && one.position <= position) unwritten.delete(key);
    }
  });
  const begun = onBegun(nc, () => bridgeGap('the projector began anew'));
  const unwatch = onStatus(nc, ({ type }) => {
    if (type === 'disconnect') frozen ??= cursor();
    if (type === 'reconnect') bridgeGap('the connection to NATS was away');
  });

  function take(message: Msg): void {
    const [, collection = '', token = ''] = message.subject.split('.');
    if (!Object.hasOwn(collections, collection)) return;
    const position = positionSchema.safeParse(message.headers?.get(LIVE_POSITION_HEADER));
    if (!position.success) return;
    const one = liveMessage(collection, parsePosition(position.data).sequence, message.data);
    enqueue(`${collection}.${token}`, one);
    if (collections[collection]?.stream === null || one.position <= reached(collection)) return;
    unwritten.delete(`${collection}.${token}`);
    unwritten.set(`${collection}.${token}`, one);
    const oldest = unwritten.size > UNWRITTEN_MAX ? unwritten.keys().next().value : undefined;
    if (oldest !== undefined) unwritten.delete(oldest);
  }

  function enqueue(key: string, one: LiveMessage): void {
    if (clients.size === 0) return;
    const waiting = pending.get(key);
    if (waiting !== undefined && waiting.position > one.position) return;
    pending.delete(key);
    pending.set(key, one);
    flushTimer ??= setTimeout(flush, FLUSH_EVERY_MS);
  }

  function flush(): void {
    flushTimer = undefined;
    const messages = [...pending.values()];
    pending.clear();
    const id = cursorText(cursor());
    const texts = new Map<string, string>();
    for (const client of clients) {
      const { key } = client.audience;
      const text = texts.get(key) ?? messagesFor(client.audience, messages, id);
      texts.set(key, text);
      if (text !== '') client.write(text);
    }
  }

  function bridgeGap(why: string): void {
    frozen ??= cursor();
    const from = frozen;
    logger.info({ why, clients: clients.size, cursor: cursorText(from) }, 'reading what the live feed may have missed');
    for (const timer of gapTimers) clearTimeout(timer);
    gapTimers = GAP_LOOKS_AFTER_MS.map((afterMs, look) =>
      setTimeout(() => {
        const isLast = look === GAP_LOOKS_AFTER_MS.length - 1;
        lookBack(from).then(
          () => {
            if (isLast) frozen = undefined;
          },
          (error: unknown) => {
            logger.warn({ error: String(error) }, 'the read models cannot be asked just now');
            if (isLast) bridgeGap('the last try failed');
          },
        );
      }, afterMs),
    );
  }

  async function lookBack(from: LiveCursor): Promise<void> {
    if (clients.size === 0) return;
    const changed = await since(from, Object.keys(collections));
    if (changed === undefined) for (const client of clients) client.reset();
    else for (const one of changed) enqueue(`${one.collection}.${one.id()}`, one);
  }

  return {
    cursor,
    since,
    clientCount: () => clients.size,
    join(client) {
      clients.add(client);
      const text = messagesFor(client.audience, [...unwritten.values()], undefined);
      if (text !== '') client.write(text);
      return () => clients.delete(client);
    },
    close() {
      for (const timer of gapTimers) clearTimeout(timer);
      clearTimeout(flushTimer);
      unwatch();
      for (const subscription of [announcements, progress, begun]) subscription.unsubscribe();
    },
  };
}
