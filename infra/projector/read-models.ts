import type { Position } from '@stratum/contracts/envelope.ts';
import type { HealthView } from '@stratum/contracts/http.ts';
import type { Collection } from 'mongodb';
import type { ReadModelDocument } from './projection.ts';

/** A query waits for its position at most this long by default. */
export const WAIT_MS_MAX = 2_000;

/** A read model is not as far as the asked position, and did not get there in time: try again after that many seconds. HTTP answers 503. */
export class NotYet extends Error {
  readonly retryAfterSeconds = 1;

  constructor(after: Position, name: string, reached: Position | undefined) {
    super(`${name} has not reached ${after} yet; it is at ${reached ?? 'its beginning'}`);
    this.name = 'NotYet';
  }
}

/** What queries use: the documents of each read model, and how far each has got. */
export type ReadModels = {
  /** Documents of a read model, whichever version of it is being served. Read only. */
  collection<D extends ReadModelDocument>(name: string): Collection<D>;
  /**
   * Waits until every named read model that is folded from the position's stream holds it. No position: no wait.
   * Throws `NotYet` after `waitMsMax` milliseconds.
   */
  waitFor(after: Position | undefined, names: readonly string[], waitMsMax?: number): Promise<void>;
  /** How far a read model has got: everything up to here is in its documents. `undefined` before its first checkpoint. */
  position(name: string): Position | undefined;
  /** How far each projection is and whether it runs, for `/health`. */
  positions(): Promise<HealthView['projections']>;
  /** SHA-256 (hex) over all documents in `_id` order as canonical JSON: equal digests are equal read models. */
  digest(name: string): Promise<string>;
};
