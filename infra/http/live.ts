import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { cursorText, type LiveCursor, parseCursor } from './live-cursor.ts';
import { type LiveCollections, type LiveFeed, openLiveFeed } from './live-feed.ts';
import { type Audience, audienceOf, messagesFor } from './live-message.ts';
import { invalidRequest, Problem } from './problems.ts';
import type { ApiDeps, Routes } from './routes.ts';
import { expiryOf, requires, userOf } from './security.ts';

export type { LiveBody, LiveCollection, LiveCollections } from './live-feed.ts';

/** What the live feed needs; `collections` are the read models that may be watched. */
export type LiveDeps = Pick<ApiDeps, 'nc' | 'readModels' | 'now' | 'logger'> & { collections: LiveCollections };

/** Clients per process, and of one account. */
export const CLIENTS_MAX = 5_000;
const CLIENTS_PER_ACCOUNT_MAX = 100;
/** A sign of life this often, so that a dead connection is noticed on both sides. */
const HEARTBEAT_EVERY_MS = 5_000;
/** What a client has not taken yet may be this much; a slower one is cut off, comes back and resumes. */
const UNSENT_BYTES_MAX = 1024 * 1024;
/** How long a client is to wait before it comes back. */
const RETRY_MS = 1_000;

/**
 * `GET /api/live`: every change of the read models that the user may see, as server-sent events:
 *
 * - `ready` once, when the client has all it had missed; new clients get it at once
 * - `document` with `{collection, id, document}`
 * - `cursor` when time went on without a document; like all others it may carry an `id`, which is the cursor
 * - `reset` when too much was missed: load what is shown anew, then go on
 * - `expired` when the access token ends: refresh it and come back
 *
 * `Last-Event-ID` (or `?lastEventId=`) resumes. The same document may come twice; `_position` tells which is newer.
 */
export const liveRoutes: Routes<LiveDeps> = (app, deps) => {
  const feed = openLiveFeed(deps);
  const connections = new Set<Connection>();
  const heartbeat = setInterval(() => {
    const id = cursorText(feed.cursor());
    for (const connection of connections) connection.beat(id);
  }, HEARTBEAT_EVERY_MS);
  app.addHook('preClose', async () => {
    clearInterval(heartbeat);
    feed.close();
    for (const connection of connections) connection.end();
  });

  app.get(
    '/api/live',
    {
      onRequest: requires(),
      schema: {
        tags: ['live'],
        summary: 'Watch the read models change (server-sent events)',
        description:
          'Events `ready`, `document`, `cursor`, `reset`, `expired`; ids are cursors for `Last-Event-ID`. ' +
          `A comment comes every ${HEARTBEAT_EVERY_MS / 1000} s.`,
        querystring: z.object({
          collections: z.string().max(500).optional().describe('Only these read models, separated by commas'),
          lastEventId: z.string().max(100).optional().describe('Instead of the header Last-Event-ID'),
        }),
        response: { 200: z.string().describe('text/event-stream') },
      },
    },
    async (request, reply) => {
      const user = userOf(request);
      const wanted = request.query.collections?.split(',');
      const unknown = wanted?.find((name) => !Object.hasOwn(deps.collections, name));
      if (unknown !== undefined) {
        const message = `${unknown} is none; there are ${Object.keys(deps.collections).join(', ')}`;
        throw invalidRequest([{ field: 'collections', message }]);
      }
      const isOwn = (one: Connection) => one.accountId === user.id;
      if (connections.size >= CLIENTS_MAX || [...connections].filter(isOwn).length >= CLIENTS_PER_ACCOUNT_MAX) {
        throw new Problem(503, 'Too many live connections', {
          detail: 'Close some, or come back later.',
          retryAfterSeconds: 10,
        });
      }
      const header = request.headers['last-event-id'];
      const lastEventId = typeof header === 'string' ? header : request.query.lastEventId;
      const audience = audienceOf(deps.collections, user, wanted);
      const lifeMs = expiryOf(request).getTime() - deps.now().getTime();
      const connection = openConnection(request, reply, {
        accountId: user.id,
        lifeMs,
        onEnd: () => connections.delete(connection),
      });
      connections.add(connection);
      try {
        await serve(connection, feed, audience, lastEventId);
      } catch (err) {
        // The answer has begun, so nobody else can tell: the client comes back with the cursor it has.
        request.log.warn({ err }, 'what a live client missed cannot be read just now');
        connection.end();
      }
    },
  );
};

/**
 * Joins first and reads after, so that nothing falls in between. What comes meanwhile is held back: its cursor says that
 * everything before it was told. Reading takes some seconds at most, and so does the holding.
 */
async function serve(
  connection: Connection,
  feed: LiveFeed,
  audience: Audience,
  lastEventId: string | undefined,
): Promise<void> {
  const cursor = feed.cursor();
  let held: string[] | undefined = [];
  const write = (text: string): void => {
    if (held === undefined) connection.write(text);
    else held.push(text);
  };
  const leave = feed.join({ audience, write, reset: () => write(resetEvent(feed.cursor())) });
  connection.onEnd(leave);
  if (lastEventId !== undefined) {
    const from = parseCursor(lastEventId);
    const missed = from && isPast(from, cursor) ? await feed.since(from, audience.collections) : undefined;
    connection.write(missed === undefined ? resetEvent(cursor) : messagesFor(audience, missed, undefined));
  }
  connection.write(`id: ${cursorText(cursor)}\nevent: ready\ndata: {}\n\n`);
  for (const text of held) connection.write(text);
  held = undefined;
  connection.isUpToDate = true;
}

const resetEvent = (cursor: LiveCursor): string => `id: ${cursorText(cursor)}\nevent: reset\ndata: {}\n\n`;

/** A cursor from the future belongs to another log. */
function isPast(from: LiveCursor, now: LiveCursor): boolean {
  return from.PLANT <= now.PLANT && from.TELEMETRY <= now.TELEMETRY;
}

type Connection = {
  accountId: string;
  /** Until then a sign of life carries no cursor. */
  isUpToDate: boolean;
  /** Sends text, or cuts the client off if it does not keep up. */
  write: (text: string) => void;
  beat: (cursor: string) => void;
  onEnd: (call: () => void) => void;
  end: () => void;
};

function openConnection(
  request: FastifyRequest,
  reply: FastifyReply,
  options: { accountId: string; lifeMs: number; onEnd: () => void },
): Connection {
  const response: ServerResponse = reply.raw;
  const endings = [options.onEnd];
  let lastCursor = '';
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) response.setHeader(name, value);
  reply.hijack();
  // The socket ends with the stream, so that a stopping server need not wait for it to fall idle.
  response.shouldKeepAlive = false;
  request.raw.socket.setNoDelay(true);
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });

  const write = (text: string): void => {
    if (text === '' || response.writableEnded || response.destroyed) return;
    if (response.writableLength > UNSENT_BYTES_MAX) {
      request.log.info({ unsentBytes: response.writableLength }, 'a live client did not keep up and is cut off');
      response.destroy();
      return;
    }
    response.write(text);
  };
  const expiry = setTimeout(
    () => {
      write('event: expired\ndata: {}\n\n');
      response.end();
    },
    Math.max(0, options.lifeMs),
  );
  response.on('close', () => {
    clearTimeout(expiry);
    for (const ending of endings) ending();
  });
  response.on('error', () => response.destroy());
  write(`retry: ${RETRY_MS}\n\n`);

  return {
    accountId: options.accountId,
    isUpToDate: false,
    write,
    beat(cursor) {
      const isNews = this.isUpToDate && cursor !== lastCursor;
      write(isNews ? `: beat\n\nid: ${cursor}\nevent: cursor\ndata: {}\n\n` : ': beat\n\n');
      if (isNews) lastCursor = cursor;
    },
    onEnd: (call) => endings.push(call),
    end: () => response.end(),
  };
}
