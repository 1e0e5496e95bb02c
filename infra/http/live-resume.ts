import { LRUCache } from 'lru-cache';
import type { ReadModelDocument } from '../projector/projection.ts';
import type { ReadModels } from '../projector/read-models.ts';
import type { LiveCursor } from './live-cursor.ts';
import type { LiveCollections } from './live-feed.ts';
import { type LiveMessage, liveMessage } from './live-message.ts';

/** More changed documents than this of one read model are not told: the page had better load anew. */
const DOCUMENTS_MAX = 1_000;
/** Clients that come back together, after a restart, ask the same: they share an answer for this long. */
const SHARED_MS = 1_000;
const SHARED_MAX = 500;
const ANSWER_MS_MAX = 5_000;

type Answer = Promise<LiveMessage[] | undefined>;
const answers = new WeakMap<ReadModels, LRUCache<string, Answer>>();

/**
 * Documents of the named read models that changed behind the cursor; `undefined` if they are too many to be told. Clients
 * that come back together share an answer only while the read model has come no further (`reached`) than when it was given.
 */
export async function changedSince(
  readModels: ReadModels,
  collections: LiveCollections,
  cursor: LiveCursor,
  names: readonly string[],
  reached: (collection: string) => number,
): Answer {
  const changed = await Promise.all(
    names.map((name) => {
      const stream = collections[name]?.stream;
      return stream === undefined || stream === null
        ? []
        : sharedAnswer(readModels, name, { after: cursor[stream], reached: reached(name) });
    }),
  );
  const all: LiveMessage[] = [];
  for (const messages of changed) {
    if (messages === undefined) return undefined;
    all.push(...messages);
  }
  return all;
}

type Asked = { after: number; reached: number };

function sharedAnswer(readModels: ReadModels, name: string, { after, reached }: Asked): Answer {
  const shared = answers.get(readModels) ?? new LRUCache<string, Answer>({ max: SHARED_MAX, ttl: SHARED_MS });
  answers.set(readModels, shared);
  const key = `${name}:${after}:${reached}`;
  const known = shared.get(key);
  if (known !== undefined) return known;
  const answer = ask(readModels, name, after);
  shared.set(key, answer);
  answer.catch(() => shared.delete(key));
  return answer;
}

async function ask(readModels: ReadModels, name: string, after: number): Answer {
  const documents = await readModels
    .collection<ReadModelDocument>(name)
    .find({ _position: { $gt: after } }, { maxTimeMS: ANSWER_MS_MAX })
    .limit(DOCUMENTS_MAX + 1)
    .toArray();
  if (documents.length > DOCUMENTS_MAX) return undefined;
  return documents.map((document) => liveMessage(name, document._position, JSON.stringify(document)));
}
