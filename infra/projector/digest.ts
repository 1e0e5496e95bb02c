import { createHash } from 'node:crypto';
import type { Collection } from 'mongodb';
import type { ReadModelDocument } from './projection.ts';

/** Documents per request while a whole collection is read. */
const PAGE_SIZE = 500;

/** A value as JSON with sorted keys and no blanks: equal values give equal text whatever order their fields came in. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}

/** All documents of a collection in `_id` order, read in pages so that memory stays bounded. */
export async function* documentsInOrder(
  collection: Collection<ReadModelDocument>,
): AsyncGenerator<ReadModelDocument, void> {
  let after: string | undefined;
  for (;;) {
    const filter = after === undefined ? {} : { _id: { $gt: after } };
    const page = await collection.find(filter).sort({ _id: 1 }).limit(PAGE_SIZE).toArray();
    yield* page;
    after = page.at(-1)?._id;
    if (after === undefined || page.length < PAGE_SIZE) return;
  }
}

/** SHA-256 (hex) over all documents of a collection in `_id` order, as canonical JSON, one per line. */
export async function digestOf(collection: Collection<ReadModelDocument>): Promise<string> {
  const hash = createHash('sha256');
  for await (const document of documentsInOrder(collection)) hash.update(`${canonicalJson(document)}\n`);
  return hash.digest('hex');
}
