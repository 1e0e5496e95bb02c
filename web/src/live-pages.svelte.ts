import type { z } from 'zod';
import { Documents, type Positioned } from './documents.svelte.ts';
import { live } from './live.svelte.ts';
import { Resource } from './resource.svelte.ts';

/** One page of a list that is read from its newest on; `next` names the page behind it. */
export type Page<Document> = { documents: readonly Document[]; next: string | null };

type Options<Document extends Positioned> = {
  /** The read model, and the schema of its documents in the live feed. */
  collection: string;
  schema: z.ZodType<Document>;
  read: (before: string | undefined, signal: AbortSignal) => Promise<Page<Document>>;
  /** Which documents of the feed belong to this list; all without it. */
  isMine?: (document: Document) => boolean;
};

/** A long list: read page by page, and kept up to date by the live feed. */
export class LivePages<Document extends Positioned> {
  readonly documents = new Documents<Document>();
  readonly page: Resource<Page<Document>>;
  readonly #options: Options<Document>;
  #before: string | undefined;

  constructor(options: Options<Document>) {
    this.#options = options;
    this.page = new Resource(async (signal) => {
      const page = await options.read(this.#before, signal);
      this.documents.add(page.documents);
      return page;
    });
  }

  /** Whether there are older ones than those loaded. */
  get hasMore(): boolean {
    return (this.page.value?.next ?? null) !== null;
  }

  /** Loads the newest page and follows the feed. Answers the way to stop; for `onMount`. */
  start(): () => void {
    const { collection, schema, isMine = () => true } = this.#options;
    const take = (documents: Document[]) => this.documents.merge(documents.filter(isMine));
    const leave = live.subscribe(collection, schema, take, this.reload);
    this.reload();
    return () => {
      leave();
      this.page.stop();
    };
  }

  /** Reads from the newest on again. */
  reload = (): void => {
    this.#before = undefined;
    void this.page.load();
  };

  /** Reads the page behind the last one read. */
  more = (): void => {
    this.#before = this.page.value?.next ?? undefined;
    void this.page.load();
  };
}
