import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/nats-core';
import { type Instant, type Position, parsePosition, positionOf } from '@stratum/contracts/envelope.ts';
import type { HealthView } from '@stratum/contracts/http.ts';
import type { Collection, Db } from 'mongodb';
import { openAsOf } from './as-of.ts';
import { type Checkpoint, checkpointsIn } from './checkpoints.ts';
import { digestOf } from './digest.ts';
import { boundsOf } from './facts.ts';
import { healthOfProjections } from './health.ts';
import { hurry, onProgress } from './live.ts';
import { type Moment, momentOf } from './moment.ts';
import { pointersIn } from './pointers.ts';
import type { AnyProjection, ReadModelDocument } from './projection.ts';
import type { Queried } from './queried.ts';

/** A query waits for its position at most this long by default. */
export const WAIT_MS_MAX = 2_000;
/** While a query waits, the database is asked this often, in case an announcement got lost. */
const LOOK_EVERY_MS = 250;
/** Which versions are served is looked up this often. */
const REFRESH_EVERY_MS = 1_000;
/** A version that is less far than the one served before is waited for so long. */
const OVERTAKEN_MS_MAX = 5_000;

/** A read model is not as far as the asked position, and did not get there in time: try again after that many seconds. HTTP answers 503. */
export class NotYet extends Error {
  readonly retryAfterSeconds = 1;

  constructor(after: Position, name: string, reached: Position | undefined) {
    super(`${name} has not reached ${after} yet; it is at ${reached ?? 'its beginning'}`);
    this.name = 'NotYet';
  }
}

/** A read model that answers about now cannot answer about the past until another version of the program has left. HTTP answers 503. */
export class PastNotServed extends Error {
  constructor(name: string, reason: string) {
    super(`${name} cannot be told as of the past just now: it ${reason}`);
    this.name = 'PastNotServed';
  }
}

/** Read models as they are, or as they were at a moment. */
export type View = {
  /** The moment; `undefined`: now. */
  readonly moment: Moment | undefined;
  /** Documents of a read model. Read only. */
  collection<D extends ReadModelDocument>(name: string): Queried<D>;
  /** What the documents of a read model hold: everything up to here, and of the past nothing beyond. */
  position(name: string): Position | undefined;
};

/** What queries use: the documents of each read model, and how far each has got. */
export type ReadModels = {
  /** Documents of a read model, whichever version of it is being served. Read only. */
  collection<D extends ReadModelDocument>(name: string): Collection<D>;
  /**
   * Waits until every named read model that is folded from the position's stream holds it. No position: no wait.
   * Holding it means to be folded from the log that the server has now: one that was cut or made anew begins again.
   * Throws `NotYet` after `waitMsMax` milliseconds.
   */
  waitFor(after: Position | undefined, names: readonly string[], waitMsMax?: number): Promise<void>;
  /** The named read models as they are. @throws NotYet as `waitFor` */
  view(after: Position | undefined, names: readonly string[]): Promise<View>;
  /**
   * The named read models as they were at an instant or a position, however they are folded: the same as they would be now
   * if nothing had been recorded since. Waits until the projector has got there. `now` is what the future begins with.
   * @throws NoSuchMoment, AgedOut, NotYet; the view's `collection` PastNotServed
   */
  viewAsOf(asOf: Instant | Position, names: readonly string[], now: Date): Promise<View & { moment: Moment }>;
  /** How far a read model has got: everything up to here is in its documents. `undefined` before its first checkpoint. */
  position(name: string): Position | undefined;
  /** How far each projection is and whether it runs, for `/health`. */
  positions(): Promise<HealthView['projections']>;
  /** SHA-256 (hex) over all documents in `_id` order as canonical JSON: equal digests are equal read models. */
  digest(name: string): Promise<string>;
};

type Served = Pick<Checkpoint, 'version' | 'collection' | 'stream' | 'streamCreated' | 'startedAt' | 'position'> & {
  snapshotEvery: number | undefined;
};

/**
 * Opens the read models of a database for queries. Which version of each is served, and how far it is, is kept up to
 * date in the background until disposed; the projector announces each step on core NATS. `projections` are those that can
 * be asked about the past.
 */
export function openReadModels(
  database: Db,
  nc: NatsConnection,
  projections: readonly AnyProjection[] = [],
): ReadModels & Disposable {
  const asOf = openAsOf(database, nc);
  const served = new Map<string, Served>();
  const overtakenSinceMs = new Map<string, number>();
  const log = boundsOf(nc);
  let step = Promise.withResolvers<void>();
  let underWay: Promise<void> | undefined;
  const hearing = onProgress(nc, ({ name, collection, position }) => {
    const known = served.get(name);
    if (known?.collection !== collection) return refreshSoon();
    known.position = Math.max(known.position, position);
    tellWaiting();
  });
  const refreshing = setInterval(refreshSoon, REFRESH_EVERY_MS);
  refreshing.unref();
  refreshSoon();

  return {
    collection,
    async view(after, names) {
      await waitFor(after, names);
      return { moment: undefined, collection: (name) => asItIs(collection(name)), position };
    },
    async viewAsOf(when, names, now) {
      const moment = await momentOf(nc, when, now);
      const { PLANT, TELEMETRY } = moment.sequences;
      // At the same time, so that both have one deadline.
      await Promise.all([
        waitFor(positionOf('PLANT', PLANT), names),
        waitFor(positionOf('TELEMETRY', TELEMETRY), names),
      ]);
      return { moment, collection: openedOnce(moment), position: (name) => positionAt(name, moment) };
    },
    waitFor,
    position,
    positions: () => healthOfProjections(database, nc, (name) => served.get(name)?.position ?? 0),
    digest: (name) => digestOf(database.collection(served.get(name)?.collection ?? `${name}_v1`)),
    [Symbol.dispose]() {
      clearInterval(refreshing);
      hearing.unsubscribe();
    },
  };

  function collection<D extends ReadModelDocument>(name: string): Collection<D> {
    return database.collection<D>(served.get(name)?.collection ?? `${name}_v1`);
  }

  /** Read models as they were: each is opened once, so that all answers of a view are of one version, and folded once. */
  function openedOnce(moment: Moment): View['collection'] {
    const opened = new Map<string, Queried<ReadModelDocument>>();
    return <D extends ReadModelDocument>(name: string) => {
      const known = opened.get(name) ?? asItWas(name, moment);
      opened.set(name, known);
      return known as unknown as Queried<D>;
    };
  }

  function asItWas(name: string, moment: Moment): Queried<ReadModelDocument> {
    const known = served.get(name);
    const projection = projections.find((one) => one.name === name && one.version === known?.version);
    // While another version of the program builds it, nobody here knows how it is folded.
    if (known === undefined || projection === undefined) {
      throw new PastNotServed(name, `is served in version ${known?.version}, which this program does not know`);
    }
    const { snapshotEvery } = known;
    if (snapshotEvery === undefined) {
      throw new PastNotServed(name, 'was built by a program that keeps no former documents, and is begun anew');
    }
    return asOf(projection, { ...known, snapshotEvery }, moment);
  }

  function positionAt(name: string, { sequences }: Moment): Position | undefined {
    const known = served.get(name);
    return known === undefined ? undefined : positionOf(known.stream, sequences[known.stream]);
  }

  async function waitFor(
    after: Position | undefined,
    names: readonly string[],
    waitMsMax = WAIT_MS_MAX,
  ): Promise<void> {
    if (after === undefined) return;
    const deadlineMs = performance.now() + waitMsMax;
    const { stream, sequence } = parsePosition(after);
    for (let askedAtMs = 0; ; ) {
      const behind = names.filter((name) => isBehind(name, stream, sequence));
      const late = behind.length > 0 ? behind : await ofLostLog(stream, names);
      const [first] = late;
      if (first === undefined) return;
      const nowMs = performance.now();
      if (nowMs >= deadlineMs) throw new NotYet(after, first, position(first));
      if (nowMs - askedAtMs >= LOOK_EVERY_MS) {
        askedAtMs = nowMs;
        for (const name of late) hurry(nc, name, sequence);
        await Promise.race([refresh(), sleep(deadlineMs - nowMs)]);
        continue;
      }
      await Promise.race([step.promise, sleep(Math.min(LOOK_EVERY_MS, deadlineMs - nowMs))]);
    }
  }

  function isBehind(name: string, stream: string, sequence: number): boolean {
    const known = served.get(name);
    return known === undefined || (known.stream === stream && known.position < sequence);
  }

  /** Which of the read models are folded from a log that is not there any more. */
  async function ofLostLog(stream: string, names: readonly string[]): Promise<string[]> {
    // Taken before the log is asked, which only grows.
    const known = names.flatMap((name) => {
      const one = served.get(name);
      return one?.stream === stream ? [{ name, ...one }] : [];
    });
    const [first] = known;
    const bounds = first && (await log.boundsNow(first.stream));
    // While the server is away nothing is written, so what is known is true.
    if (bounds === undefined) return [];
    return known
      .filter(({ streamCreated, position }) => streamCreated !== bounds.created || position > bounds.last)
      .map(({ name }) => name);
  }

  function position(name: string): Position | undefined {
    const known = served.get(name);
    return known === undefined ? undefined : positionOf(known.stream, known.position);
  }

  /** A failure is told by the next query, which meets it itself. */
  function refreshSoon(): void {
    refresh().catch(() => undefined);
  }

  /** Looks up what is served; whoever wants it while that is under way shares it. */
  function refresh(): Promise<void> {
    underWay ??= lookUp().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  async function lookUp(): Promise<void> {
    const [pointers, checkpoints] = await Promise.all([
      pointersIn(database).find().toArray(),
      checkpointsIn(database).find().toArray(),
    ]);
    const found = new Set<string>();
    for (const { _id: name, version, collection } of pointers) {
      const checkpoint = checkpoints.find((one) => one.name === name && one.collection === collection);
      if (checkpoint === undefined) continue;
      found.add(name);
      const { stream, streamCreated, startedAt, position, term, snapshots } = checkpoint;
      const snapshotEvery = snapshots?.term === term ? snapshots?.every : undefined;
      const known = served.get(name);
      if (known !== undefined && isAhead(name, known, checkpoint, checkpoints)) continue;
      overtakenSinceMs.delete(name);
      const isSame = known?.collection === collection && known.startedAt === startedAt;
      // An announcement may be ahead of the checkpoint by events that changed nothing.
      const reached = isSame ? Math.max(known.position, position) : position;
      served.set(name, { version, collection, stream, streamCreated, startedAt, position: reached, snapshotEvery });
    }
    for (const name of served.keys()) if (!found.has(name)) served.delete(name);
    tellWaiting();
  }

  /**
   * Whether what is served here is further than what is to be served from now on, so that a query would go back in time:
   * the versions overtake each other within moments.
   */
  function isAhead(name: string, known: Served, next: Checkpoint, checkpoints: readonly Checkpoint[]): boolean {
    const isOtherVersion = known.collection !== next.collection && known.streamCreated === next.streamCreated;
    const isThere = checkpoints.some((one) => one.collection === known.collection && one.startedAt === known.startedAt);
    if (!isOtherVersion || !isThere || known.position <= next.position) return false;
    const sinceMs = overtakenSinceMs.get(name) ?? performance.now();
    overtakenSinceMs.set(name, sinceMs);
    return performance.now() - sinceMs < OVERTAKEN_MS_MAX;
  }

  function tellWaiting(): void {
    const { resolve } = step;
    step = Promise.withResolvers<void>();
    resolve();
  }
}

/** The driver's own collection does everything that questions ask for; its types cannot say so for every document. */
function asItIs<D extends ReadModelDocument>(collection: Collection<D>): Queried<D> {
  return collection as unknown as Queried<D>;
}
