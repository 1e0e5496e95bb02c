/** What every read model's document has: its id and the position it is as new as. */
export type Positioned = { _id: string; _position: number };

/**
 * The documents of one collection as far as this screen knows them. A document replaces an older one and never a newer
 * one, so a snapshot and the live feed may arrive in any order. `list` is a new array after each change.
 */
export class Documents<Document extends Positioned> {
  #byId = new Map<string, Document>();
  #list = $state.raw<readonly Document[]>([]);
  /** False until the first snapshot has arrived: before that nobody knows what else there is. */
  isLoaded = $state(false);

  get list(): readonly Document[] {
    return this.#list;
  }

  /** The document with this id as of the newest `list`; reactive. */
  get(id: string): Document | undefined {
    void this.#list;
    return this.#byId.get(id);
  }

  /** Takes what changed, as far as it is newer than what is known; says whether anything was. */
  merge(documents: Iterable<Document>): boolean {
    let hasChanged = false;
    for (const document of documents) {
      const known = this.#byId.get(document._id);
      if (known !== undefined && known._position >= document._position) continue;
      this.#byId.set(document._id, document);
      hasChanged = true;
    }
    if (hasChanged) this.#list = [...this.#byId.values()];
    return hasChanged;
  }

  /** Takes a page of a snapshot. */
  add(documents: Iterable<Document>): void {
    this.merge(documents);
    this.isLoaded = true;
  }

  /** Takes a whole snapshot that is as new as `position`: what is not in it and not newer is gone. */
  replace(documents: Iterable<Document>, position = Number.POSITIVE_INFINITY): void {
    const newer = [...this.#byId.values()].filter((document) => document._position > position);
    this.#byId = new Map([...documents].map((document) => [document._id, document]));
    this.#list = [...this.#byId.values()];
    this.merge(newer);
    this.isLoaded = true;
  }

  /** Forgets everything. */
  clear(): void {
    this.#byId.clear();
    this.#list = [];
    this.isLoaded = false;
  }
}
