import type { Filter } from 'mongodb';
import sift from 'sift';
import type { ReadModelDocument } from './projection.ts';

/** Fields to sort by, the first counts most: 1 ascending, -1 descending. */
export type SortBy = Record<string, 1 | -1>;

/** Documents that a question found, before they are fetched. */
export type Found<D> = {
  sort(by: SortBy): Found<D>;
  limit(count: number): Found<D>;
  toArray(): Promise<D[]>;
};

/** What questions use of a collection, whether it is as it is or as it was. Documents of a collection as it was have their own `_position`. */
export type Queried<D extends ReadModelDocument> = {
  find(filter?: Filter<D>): Found<D>;
  findOne(filter: Filter<D>): Promise<D | null>;
  countDocuments(filter: Filter<D>): Promise<number>;
};

/** A whole question. */
export type Question<D> = { filter: Filter<D>; sort: SortBy; limit: number | undefined };

/** Makes a collection of a function that answers questions, and one that counts. */
export function queriedBy<D extends ReadModelDocument>(
  answer: (question: Question<D>) => Promise<D[]>,
  count: (filter: Filter<D>) => Promise<number>,
): Queried<D> {
  const found = (question: Question<D>): Found<D> => ({
    sort: (sort) => found({ ...question, sort }),
    limit: (limit) => found({ ...question, limit }),
    toArray: () => answer(question),
  });
  return {
    find: (filter = {}) => found({ filter, sort: { _id: 1 }, limit: undefined }),
    findOne: async (filter) => (await answer({ filter, sort: { _id: 1 }, limit: 1 }))[0] ?? null,
    countDocuments: count,
  };
}

/** Whether a document meets a filter, as the database would say. */
export function matcher<D extends ReadModelDocument>(filter: Filter<D>): (document: D) => boolean {
  // Both describe the same language; the types of the two libraries do not know each other.
  const test = sift.default(filter as Parameters<typeof sift.default>[0]);
  return (document) => test(document);
}

/** The first `limit` of documents in order, as the database would give them. */
export function firstOf<D extends ReadModelDocument>(
  documents: readonly D[],
  { sort, limit }: Pick<Question<D>, 'sort' | 'limit'>,
): D[] {
  return documents.toSorted(inOrder(sort)).slice(0, limit);
}

function inOrder(sort: SortBy): (one: ReadModelDocument, other: ReadModelDocument) => number {
  const by = Object.entries(sort);
  return (one, other) => {
    for (const [field, direction] of by) {
      const order = compared(fieldOf(one, field), fieldOf(other, field));
      if (order !== 0) return direction * order;
    }
    return 0;
  };
}

const fieldOf = (document: ReadModelDocument, field: string): unknown => Reflect.get(document, field);

/** Nothing before numbers before texts; texts by their bytes, as databases compare them. */
function compared(one: unknown, other: unknown): number {
  if (one === other) return 0;
  if (typeof one === 'string' && typeof other === 'string') return Buffer.compare(Buffer.from(one), Buffer.from(other));
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  return rankOf(one) - rankOf(other);
}

function rankOf(value: unknown): number {
  return value === null || value === undefined ? 0 : typeof value === 'number' ? 1 : 2;
}
