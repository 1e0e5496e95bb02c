import type { Db } from 'mongodb';
import { expect } from 'vitest';
import { openLog } from '../log.ts';
import { type Builder, openBuilder } from './builder.ts';
import { type Checkpoint, checkpointsIn, reasonToRebuild, SecondWriter, type StreamFacts } from './checkpoints.ts';
import type { DeadLetter } from './dead-letters.ts';
import { Crash, type Death, type Mortal, mortal } from './mortal-database.fixture.ts';
import { pointersIn } from './pointers.ts';
import type { AnyProjection, ProjectedEvent, Projection, ReadModelDocument } from './projection.ts';
import { foldAll, readingEvent } from './testing.ts';

/** One process that builds a version of the read model: what it has in memory is lost when it dies. */
type Process = { builder: Builder; life: Mortal };
/** One turn of a process: it is started if there is none, folds up to `size` events, and writes all that is left if it `flushes`. */
export type Turn = { process: 0 | 1; size: number; flushes: boolean; death: Death | undefined };

const APPENDED_AT_MS = Date.UTC(2026, 10, 24);
/** The twin whose readings cannot be folded until the fold is repaired. */
export const POISON = 'poison';

/**
 * A log, a database and two processes that build the same read model from the one in the other, with everything that can
 * happen to them. `check` holds the promises of the projector against what is in the database.
 */
export function simulate(database: Db, name: string, turn: () => Promise<void>) {
  let log: ProjectedEvent[] = [];
  let created = new Date(APPENDED_AT_MS).toISOString();
  let appended = 0;
  let isRepaired = false;
  let servedTo = 0;
  let announced: { collection: string; position: number }[] = [];
  const terms = new Map<string, number>();
  const versions = [1, 1];
  /** The checkpoints that nobody has opened since the log was lost. */
  const unopened = new Set<string>();
  const processes: (Process | undefined)[] = [undefined, undefined];

  /** The sequences of each twin's readings and of all together; written after each batch (1) or seldom (2). */
  const projectionOf = (version: number): AnyProjection => {
    const its: Projection<ReadModelDocument & { readings: number[]; version: number }> = {
      name,
      version,
      stream: 'TELEMETRY',
      keys: (event) => [event.envelope.subject, 'all'],
      fold(document, { envelope, recorded }, key) {
        if (envelope.subject === POISON && key === 'all' && !isRepaired) throw new TypeError('no such unit');
        return { _id: key, version, readings: [...(document?.readings ?? []), Date.parse(recorded.recordedAt)] };
      },
      ...(version === 1 ? {} : { writeEverySeconds: 3_600 }),
    };
    return its as unknown as AnyProjection;
  };

  const facts = async (witness?: number): Promise<StreamFacts> => {
    const witnessed = witness === undefined ? undefined : log[witness - 1]?.recorded.recordedAt;
    return { first: log.length === 0 ? 0 : 1, last: log.length, created, witnessed };
  };

  return {
    append(twinIds: readonly string[]) {
      for (const twinId of twinIds) log.push(readingAt(log.length + 1, twinId));
    },

    /**
     * The server comes back with the log as it was before its last events, and other events follow. Not while documents
     * are ahead of their checkpoint: that a log loses exactly the events of a write that was cut off is not noticed.
     */
    async cut(lostCount: number, twinIds: readonly string[]) {
      for (const { collection, witness } of await checkpointsIn(database).find({ name }).toArray()) {
        const ahead = { _position: { $gt: witness?.sequence ?? 0 } };
        if ((await database.collection(collection).countDocuments(ahead)) > 0) return;
      }
      log = log.slice(0, Math.max(0, log.length - lostCount));
      this.append(twinIds);
      lose();
    },

    createAnew(twinIds: readonly string[]) {
      log = [];
      created = new Date(Date.parse(created) + 1_000).toISOString();
      this.append(twinIds);
      lose();
    },

    repair() {
      isRepaired = true;
      for (const index of [0, 1]) kill(index);
    },

    /** The second process is replaced by one of the next program, which has version 2 of the read model. */
    deploy() {
      kill(1);
      versions[1] = 2;
    },

    kill,

    /** Lets processes have their turns at the same time; what they ask the database comes in any order. */
    async run(turns: readonly Turn[]) {
      await Promise.all(turns.map(runTurn));
    },

    check,

    /** Lets every version be built to its end by a process that nothing happens to, and checks that all is complete. */
    async complete() {
      isRepaired = true;
      for (const version of new Set(versions)) {
        for (const index of [0, 1]) kill(index);
        versions[0] = version;
        // Something to write, so that there is an occasion to be served.
        this.append(['a']);
        await runTurn({ process: 0, size: Number.POSITIVE_INFINITY, flushes: true, death: undefined });
        await check();
        const checkpoint = await checkpointsIn(database).findOne({ _id: `${name}_v${version}` });
        expect(checkpoint).toMatchObject({ position: log.length, streamCreated: created, stopped: null });
        expect(await documentsOf(checkpoint?.collection ?? '')).toEqual(sorted(foldAll(projectionOf(version), log)));
      }
      const pointer = await pointersIn(database).findOne({ _id: name });
      expect(pointer?.version).toBe(Math.max(...versions));
    },
  };

  async function runTurn({ process, size, flushes, death }: Turn): Promise<void> {
    try {
      const { builder, life } = processes[process] ?? (await start(process, death));
      life.dieAt(death);
      await fold(builder, size);
      if (flushes) await builder.keepWriting(AbortSignal.abort());
      if (death !== undefined) kill(process);
    } catch (error) {
      // As in projector.ts: whatever it is, memory is thrown away and the next turn begins from the checkpoint.
      if (!(error instanceof Crash || error instanceof SecondWriter)) throw error;
      kill(process);
    }
  }

  async function start(index: number, death: Death | undefined): Promise<Process> {
    const life = mortal(database, turn);
    life.dieAt(death);
    const builder = await openBuilder(projectionOf(versions[index] ?? 1), {
      database: life.database,
      nc: { publish: hear },
      logger: openLog('simulation', 'silent'),
      holder: `process/${index}`,
      isLed: () => true,
      askFacts: (_stream, witness) => facts(witness),
    });
    unopened.delete(`${name}_v${versions[index] ?? 1}`);
    const started = { builder, life };
    processes[index] = started;
    return started;
  }

  async function fold(builder: Builder, size: number): Promise<void> {
    const events = log.slice(builder.position, builder.position + size);
    const last = events.at(-1)?.recorded;
    if (last !== undefined)
      await builder.take({ events, upTo: last.sequence, recordedAt: last.recordedAt, skipped: [] });
  }

  function hear(subject: string, body?: unknown): void {
    if (!subject.startsWith('projector.progress.')) return;
    announced.push(JSON.parse(String(body)));
  }

  function kill(index: number): void {
    processes[index] = undefined;
  }

  /** Every reader notices when the server comes back, so no process goes on with what it had in memory. */
  function lose(): void {
    for (const index of [0, 1]) kill(index);
    announced = [];
    servedTo = 0;
    for (const version of versions) unopened.add(`${name}_v${version}`);
  }

  function readingAt(sequence: number, twinId: string): ProjectedEvent {
    appended += 1;
    const observedAt = new Date(APPENDED_AT_MS + appended * 1_000).toISOString();
    return readingEvent(sequence, twinId, { observedAt, values: {} });
  }

  async function check(): Promise<void> {
    const checkpoints = await checkpointsIn(database).find({ name }).toArray();
    for (const checkpoint of checkpoints) {
      expect(checkpoint.term).toBeGreaterThanOrEqual(terms.get(checkpoint._id) ?? 1);
      terms.set(checkpoint._id, checkpoint.term);
      // What is built from a log that is lost says nothing, until it is opened again.
      if (reasonToRebuild(checkpoint, await facts(checkpoint.witness?.sequence)) === undefined)
        await checkOne(checkpoint);
    }
    await checkServed(checkpoints);
    announced = [];
  }

  /** Everything up to the checkpoint, and up to what was announced, is in the documents, and each is what the log says. */
  async function checkOne({ collection, position, version, stopped, _id }: Checkpoint): Promise<void> {
    const projection = projectionOf(version);
    const documents = new Map((await documentsOf(collection)).map((document) => [document._id, document]));
    const positions = announced.filter((one) => one.collection === collection).map((one) => one.position);
    const complete = repaired(() => foldAll(projection, log.slice(0, Math.max(position, ...positions))));
    for (const { _id: key, _position } of complete.values()) {
      expect(documents.get(key)?._position, `${key} at ${position}`).toBeGreaterThanOrEqual(_position);
    }
    for (const document of documents.values()) {
      const folded = repaired(() => foldAll(projection, log.slice(0, document._position)));
      expect(document).toEqual(folded.get(document._id));
    }
    // What stopped it may have been lost with the log's end; it is tried again when it is opened.
    if (stopped === null || unopened.has(_id)) return;
    expect(log[stopped.position - 1]?.envelope.subject).toBe(POISON);
    const letters = database.collection<DeadLetter>('dead_letters');
    expect(await letters.findOne({ _id: `${_id}:${stopped.position}` })).not.toBeNull();
  }

  /** What queries see never goes back, unless the log did. */
  async function checkServed(checkpoints: readonly Checkpoint[]): Promise<void> {
    const pointer = await pointersIn(database).findOne({ _id: name });
    const served = checkpoints.find(({ collection }) => collection === pointer?.collection);
    if (served === undefined) return;
    if (reasonToRebuild(served, await facts(served.witness?.sequence)) !== undefined) return;
    expect(served.position).toBeGreaterThanOrEqual(servedTo);
    servedTo = served.position;
  }

  function repaired<Result>(task: () => Result): Result {
    const before = isRepaired;
    isRepaired = true;
    try {
      return task();
    } finally {
      isRepaired = before;
    }
  }

  function documentsOf(collection: string): Promise<ReadModelDocument[]> {
    return database.collection<ReadModelDocument>(collection).find().sort({ _id: 1 }).toArray();
  }
}

function sorted(documents: Map<string, ReadModelDocument>): ReadModelDocument[] {
  return [...documents.values()].sort((one, other) => (one._id < other._id ? -1 : 1));
}
