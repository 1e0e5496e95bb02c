import { type AnyBulkWriteOperation, type Collection, type Db, MongoBulkWriteError } from 'mongodb';
import { SecondWriter } from './checkpoints.ts';
import type { ReadModelDocument } from './projection.ts';

/** Documents per request to the database. */
const DOCUMENTS_PER_REQUEST_MAX = 1_000;
const DUPLICATE_KEY = 11_000;

/** A document to be written and the position it had when it was loaded or last written; `undefined` if it is new. */
export type Change = { document: ReadModelDocument; storedPosition: number | undefined };

/** Where the documents of one read model are kept. What is written is only what nobody else has written meanwhile. */
export type Documents = {
  /** Those of the documents that are there. */
  load(keys: readonly string[]): Promise<ReadModelDocument[]>;
  /** Writes all changes, in any order. Some may be written when it throws. @throws SecondWriter */
  write(changes: readonly Change[]): Promise<void>;
};

/** Keeps documents in a collection of the database. */
export function documentsIn(collection: Collection<ReadModelDocument>): Documents {
  return {
    async load(keys) {
      const found: ReadModelDocument[] = [];
      for (const part of parts(keys)) found.push(...(await collection.find({ _id: { $in: [...part] } }).toArray()));
      return found;
    },
    async write(changes) {
      for (const part of parts(changes)) await writeGuarded(collection, part);
    },
  };
}

/** Drops a collection, if there is one of that name; older servers call it an error if there is none. */
export async function dropCollection(database: Db, name: string): Promise<void> {
  if (await database.listCollections({ name }, { nameOnly: true }).hasNext()) await database.dropCollection(name);
}

async function writeGuarded(collection: Collection<ReadModelDocument>, changes: readonly Change[]): Promise<void> {
  const replaced = changes.filter((change) => change.storedPosition !== undefined).length;
  try {
    const result = await collection.bulkWrite(changes.map(operationOf), { ordered: false });
    if (result.matchedCount === replaced && result.insertedCount === changes.length - replaced) return;
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError && error.code === DUPLICATE_KEY)) throw error;
  }
  throw new SecondWriter(`a document of ${collection.collectionName}`);
}

function operationOf({ document, storedPosition }: Change): AnyBulkWriteOperation<ReadModelDocument> {
  if (storedPosition === undefined) return { insertOne: { document } };
  return { replaceOne: { filter: { _id: document._id, _position: storedPosition }, replacement: document } };
}

function* parts<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += DOCUMENTS_PER_REQUEST_MAX) {
    yield items.slice(start, start + DOCUMENTS_PER_REQUEST_MAX);
  }
}
