import { nuid } from '@nats-io/transport-node';
import { type Command, type Decided, type Position, positionOf } from '@stratum/contracts/envelope.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { type EncodedEvent, encodeEvents } from './codec.ts';
import { CommandIdTaken, ServerRefused, Unavailable } from './errors.ts';
import { type Acknowledgement, header, type Publisher } from './publisher.ts';
import { readAt, readSubject } from './read.ts';
import { PATIENCE_MS, retrying } from './wait.ts';

/** Events of one command. */
const EVENTS_MAX = 100;
/** Atomic batches under way at once; the server refuses more than 50 per stream. */
const BATCHES_MAX = 16;

/** A rival wrote first: the expected last sequence is wrong, or may be, or our own event is there already. */
const CONFLICTS = new Set([10071, 10164, 10201]);
/** A batch that lost a member on the way (10176), or that found no place among the others (10210). */
const AGAIN = new Set([10176, 10210]);

export type AppendOptions = {
  /** Sequence of the newest event the decision knew; 0 if none. */
  after: number;
  /** What caused the events. */
  command: Command;
  /** How long to keep trying while the server is away; 15 s if left out. */
  patienceMs?: number;
};

/**
 * Records the events of one command on its aggregate, all or none, if nothing was recorded there after `after`. One event
 * is one guarded publish; several are an atomic batch (slow on files: some 300 a second, so decide one where you can).
 * Answers the position of the last event, or `'conflict'`. An answer lost on the way is asked for again, and what is
 * found to be there already counts as recorded, once.
 * @throws NotInContract, EventTooLarge, CommandIdTaken, Unavailable, ServerRefused, Overloaded
 */
export async function append(
  publisher: Publisher,
  aggregate: Aggregate,
  events: readonly Decided[],
  { after, command, patienceMs = PATIENCE_MS }: AppendOptions,
): Promise<Position | 'conflict'> {
  if (events.length === 0 || events.length > EVENTS_MAX)
    throw new RangeError(`1 to ${EVENTS_MAX} events can be appended`);
  const subject = plantSubject(aggregate);
  const encoded = encodeEvents(aggregate, events, command);
  /** Whether an earlier try may have been recorded although its answer was lost. */
  let isOpen = false;
  return retrying(
    async () => {
      try {
        const { sequence, isDuplicate } = await publishAll(publisher, subject, encoded, after);
        if (!isDuplicate) return positionOf('PLANT', sequence);
        await checkIsHere(publisher, subject, sequence, command);
      } catch (error) {
        isOpen ||= error instanceof Unavailable;
        if (!(error instanceof ServerRefused && CONFLICTS.has(error.code))) throw error;
      }
      return isOpen ? await findOwn(publisher, subject, after, encoded) : 'conflict';
    },
    { patienceMs, isWorthATry },
  );
}

/** The server has seen the event's id before; on another subject it is somebody else's. */
async function checkIsHere(publisher: Publisher, subject: string, sequence: number, command: Command): Promise<void> {
  const original = await readAt(publisher, 'PLANT', sequence);
  if (original !== undefined && original.subject !== subject) throw new CommandIdTaken(command.id, subject);
}

/** A conflict may be with our own earlier try: then its events, and none else, follow what the decision knew. */
async function findOwn(
  publisher: Publisher,
  subject: string,
  after: number,
  events: readonly EncodedEvent[],
): Promise<Position | 'conflict'> {
  const since = await readSubject(publisher, 'PLANT', subject, after);
  const isOwn = events.every(({ id }, index) => since[index]?.headers.get('ce-id') === id);
  const last = since[events.length - 1];
  return isOwn && last !== undefined ? positionOf('PLANT', last.sequence) : 'conflict';
}

function isWorthATry(error: unknown): boolean {
  return error instanceof Unavailable || (error instanceof ServerRefused && AGAIN.has(error.code));
}

function publishAll(
  publisher: Publisher,
  subject: string,
  events: readonly EncodedEvent[],
  after: number,
): Promise<Acknowledgement> {
  const guard = header('Nats-Expected-Last-Subject-Sequence', String(after));
  const [first] = events;
  if (first !== undefined && events.length === 1) return publisher.publish(subject, first.body, guard + first.headers);
  return throughGate(() => publishBatch(publisher, subject, events, guard));
}

/** Only the last member of a batch asks for an answer, so a batch costs one round trip; the guard goes with the first. */
function publishBatch(
  publisher: Publisher,
  subject: string,
  events: readonly EncodedEvent[],
  guard: string,
): Promise<Acknowledgement> {
  const batchId = header('Nats-Batch-Id', nuid.next());
  const lines = events.map(
    ({ headers }, index) =>
      (index === 0 ? guard : '') + batchId + header('Nats-Batch-Sequence', String(index + 1)) + headers,
  );
  const last = events.length - 1;
  for (const [index, { body }] of events.entries()) {
    if (index < last) publisher.send(subject, body, lines[index] ?? '');
  }
  const commit = header('Nats-Batch-Commit', '1');
  return publisher.publish(subject, events[last]?.body ?? new Uint8Array(), commit + (lines[last] ?? ''));
}

let batchesUnderWay = 0;
const batchesWaiting: (() => void)[] = [];

async function throughGate<Result>(task: () => Promise<Result>): Promise<Result> {
  if (batchesUnderWay >= BATCHES_MAX) await new Promise<void>((resolve) => batchesWaiting.push(resolve));
  else batchesUnderWay += 1;
  try {
    return await task();
  } finally {
    const next = batchesWaiting.shift();
    if (next === undefined) batchesUnderWay -= 1;
    else next();
  }
}
