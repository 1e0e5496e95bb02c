import { type Command, type Position, positionOf } from '@stratum/contracts/envelope.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { type Change, type EncodedEvent, encodeChanges } from './codec.ts';
import { CommandIdTaken, isOvertaken, ServerRefused, Unavailable } from './errors.ts';
import type { StoredMessage } from './message.ts';
import { type Acknowledgement, header, type OutgoingMessage, type Publisher } from './publisher.ts';
import { limited } from './queue.ts';
import { readSubject } from './read.ts';
import { PATIENCE_MS, retrying } from './wait.ts';

/** Atomic batches of this store under way at once; the server takes 50 per stream, those of all programs together. */
const BATCHES_MAX = 16;

/** What the server's refusals (`err_code`) mean; any other is a defect. */
const BATCH_HAS_KNOWN_ID = 10201;
/** Asked again: a batch lost a member on the way (10176) or found no place among the others (10210). */
const UNSETTLED = new Set([10176, 10210]);

/**
 * `position`: of the last event, recorded now or before. `conflict`: nothing was recorded, because these aggregates are
 * not where the decision believed them to be.
 */
export type Appended = { position: Position } | { conflict: Aggregate[] };

/** Records what one command does, all or nothing; see `Store`. */
export type Append = (changes: readonly Change[], command: Command) => Promise<Appended>;

/**
 * The only way into PLANT. One event is one guarded publish; several are an atomic batch, with a guard on the first event
 * of each aggregate (slow on the files of a single server, some 300 a second, so decide one event where you can).
 *
 * An answer may get lost, so whatever is refused is looked for in the log, and what is there counts as recorded, once. A
 * single server looks at the guard first and several at the id: asked again, one calls it overtaken and the other known.
 * @throws NotInContract, EventTooLarge, CommandIdTaken, Unavailable, ServerRefused, Overloaded
 */
export function openAppend(publisher: Publisher, { patienceMs = PATIENCE_MS }: { patienceMs?: number }): Append {
  const inBatch = limited(BATCHES_MAX);
  const publish = (messages: readonly OutgoingMessage[]): Promise<Acknowledgement> => {
    const [first, second] = messages;
    if (first === undefined || second !== undefined) return inBatch(() => publisher.publishBatch(messages));
    return publisher.publish(first.subject, first.body, first.headers);
  };
  return async (changes, command) => {
    const events = encodeChanges(changes, command);
    const messages = events.map(guarded);
    const attempt = async (): Promise<Appended> => {
      const outcome = await publish(messages).then(sequenceOf, reasonOf);
      if (typeof outcome === 'number') return { position: positionOf('PLANT', outcome) };
      const appended = judgeByLog(events, await Promise.all(changes.map((change) => lookAt(publisher, change))));
      if (appended !== undefined) return appended;
      if (outcome === 'known') throw new CommandIdTaken(command.id);
      throw new Unavailable('the log reached what the decision knew only after refusing it');
    };
    return retrying(attempt, { patienceMs });
  };
}

/** The sequence of the last event; or that the server has seen an id of these before. */
function sequenceOf({ sequence, isDuplicate }: Acknowledgement): number | 'known' {
  return isDuplicate ? 'known' : sequence;
}

/** That a guard failed; or that the server has seen an id of these before. @throws Unavailable when it may be asked again */
function reasonOf(error: unknown): 'overtaken' | 'known' {
  if (!(error instanceof ServerRefused)) throw error;
  if (isOvertaken(error)) return 'overtaken';
  if (error.code === BATCH_HAS_KNOWN_ID) return 'known';
  throw UNSETTLED.has(error.code) ? new Unavailable(error.message) : error;
}

async function lookAt(publisher: Publisher, change: Change): Promise<Look> {
  const from = Math.max(0, change.after - 1);
  return { change, messages: await readSubject(publisher, 'PLANT', plantSubject(change.aggregate), from) };
}

/** What the log says of one aggregate: its messages from the newest that the decision knew on, that one included. */
export type Look = { change: Change; messages: readonly StoredMessage[] };

/**
 * What became of an append, told by the log: its events follow what was known on each aggregate, or some aggregates are
 * not where they were believed to be; `undefined` if neither, so that nothing stands in the way.
 */
export function judgeByLog(events: readonly EncodedEvent[], looks: readonly Look[]): Appended | undefined {
  const followers = looks.flatMap(({ change, messages }) => {
    const since = messages.filter(({ sequence }) => sequence > change.after);
    return change.events.map((_, index) => since[index]);
  });
  const last = followers.at(-1);
  const areOwn = events.every(({ id }, index) => followers[index]?.headers.get('ce-id') === id);
  if (areOwn && last !== undefined) return { position: positionOf('PLANT', last.sequence) };
  const moved = looks.filter(({ change, messages }) => (messages.at(-1)?.sequence ?? 0) !== change.after);
  return moved.length === 0 ? undefined : { conflict: moved.map(({ change }) => change.aggregate) };
}

function guarded({ subject, after, headers, body }: EncodedEvent): OutgoingMessage {
  const guard = after === undefined ? '' : header('Nats-Expected-Last-Subject-Sequence', String(after));
  return { subject, headers: guard + headers, body };
}
