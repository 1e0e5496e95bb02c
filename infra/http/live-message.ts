import { may } from '@stratum/contracts/account/account.ts';
import type { LiveBody, LiveCollections } from './live-feed.ts';
import type { User } from './security.ts';

const decoder = new TextDecoder();
/** Documents hold no `_id` but their own, so that it is found without parsing all of it. */
const idPattern = /"_id":"((?:[^"\\]|\\.)*)"/;

/** One changed document on its way to browsers. What is costly is made when first asked for, and once. */
export type LiveMessage = {
  collection: string;
  /** Sequence of the last event in it, in the stream its read model is folded from. */
  position: number;
  id: () => string;
  body: () => LiveBody;
  /** The event as a browser gets it, without the `id:` line. */
  frame: () => string;
};

/** Takes a document as JSON. */
export function liveMessage(collection: string, position: number, json: Uint8Array | string): LiveMessage {
  const text = once(() => (typeof json === 'string' ? json : decoder.decode(json)));
  const id = once(() => String(JSON.parse(`"${idPattern.exec(text())?.[1] ?? ''}"`)));
  return {
    collection,
    position,
    id,
    body: once(() => JSON.parse(text()) as LiveBody),
    frame: once(() => frameOf(collection, id(), text())),
  };
}

function frameOf(collection: string, id: string, documentJson: string): string {
  return `event: document\ndata: {"collection":${JSON.stringify(collection)},"id":${JSON.stringify(id)},"document":${documentJson}}\n\n`;
}

/** What a group of clients may see; `key` is the same for all who may see the same. */
export type Audience = {
  key: string;
  collections: readonly string[];
  /** The event of a message for this audience; `undefined` if it is not for them. */
  frameOf: (message: LiveMessage) => string | undefined;
};

/** What a user may see of the collections, of those in `wanted` only if it is given. */
export function audienceOf(collections: LiveCollections, user: User, wanted?: readonly string[]): Audience {
  const views = new Map<string, 'all' | ((document: LiveBody) => LiveBody | undefined)>();
  for (const [name, { permission, part }] of Object.entries(collections)) {
    if (wanted !== undefined && !wanted.includes(name)) continue;
    if (may(user.role, permission)) views.set(name, 'all');
    else if (part !== undefined && may(user.role, part.permission))
      views.set(name, (document) => part.of(document, user));
  }
  const isPartial = [...views.values()].some((view) => view !== 'all');
  return {
    key: `${isPartial ? user.id : ''}:${[...views.keys()].toSorted().join(',')}`,
    collections: [...views.keys()],
    frameOf(message) {
      const view = views.get(message.collection);
      if (view === undefined || view === 'all') return view && message.frame();
      const seen = view(message.body());
      return seen && frameOf(message.collection, message.id(), JSON.stringify(seen));
    },
  };
}

/** The messages as one text for an audience. The last event carries the cursor as its id, so that a cut loses nothing. */
export function messagesFor(audience: Audience, messages: readonly LiveMessage[], cursor: string | undefined): string {
  const frames = messages.map(audience.frameOf).filter((frame) => frame !== undefined);
  const last = frames.pop();
  if (last === undefined) return '';
  return `${frames.join('')}${cursor === undefined ? '' : `id: ${cursor}\n`}${last}`;
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
