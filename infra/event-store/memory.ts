import { positionOf } from '@stratum/contracts/envelope.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { judgeByLog } from './append.ts';
import { type EncodedEvent, encodeChanges } from './codec.ts';
import { CommandIdTaken } from './errors.ts';
import type { StoredMessage } from './message.ts';
import { historyOf, type Store } from './store.ts';

/**
 * A store that forgets everything when the program ends: for tests. It writes and reads the same bytes and headers as the
 * one on NATS and answers the same to the same calls.
 */
export function memoryStore(now: () => Date = () => new Date()): Store {
  let last = 0;
  const bySubject = new Map<string, StoredMessage[]>();
  const ids = new Set<string>();
  const of = (aggregate: Aggregate) => bySubject.get(plantSubject(aggregate)) ?? [];
  const history = async (aggregate: Aggregate, after = 0) =>
    historyOf(
      of(aggregate).filter(({ sequence }) => sequence > after),
      after,
    );
  const record = ({ id, subject, headers, body }: EncodedEvent) => {
    last += 1;
    const recordedAt = now().toISOString();
    const message = { subject, sequence: last, recordedAt, headers: parseHeaders(headers), data: body };
    const messages = bySubject.get(subject) ?? [];
    messages.push(message);
    bySubject.set(subject, messages);
    ids.add(id);
  };
  return {
    history,
    read: async (aggregate, after) => (await history(aggregate, after)).events,
    async append(changes, command) {
      const events = encodeChanges(changes, command);
      const looks = changes.map((change) => ({
        change,
        messages: of(change.aggregate).filter(({ sequence }) => sequence >= change.after),
      }));
      const appended = judgeByLog(events, looks);
      if (appended !== undefined) return appended;
      if (events.some(({ id }) => ids.has(id))) throw new CommandIdTaken(command.id);
      events.forEach(record);
      return { position: positionOf('PLANT', last) };
    },
  };
}

function parseHeaders(lines: string): Map<string, string> {
  const pairs = lines.split('\r\n').filter((line) => line !== '');
  return new Map(
    pairs.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}
