import { positionOf } from '@stratum/contracts/envelope.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { encodeEvents } from './codec.ts';
import { CommandIdTaken } from './errors.ts';
import type { StoredMessage } from './message.ts';
import { historyOf, type Store } from './store.ts';

/**
 * A store that forgets everything when the program ends: for tests. It writes and reads the same bytes and headers as the
 * one on NATS and answers the same to the same calls.
 */
export function memoryStore(now: () => Date = () => new Date()): Store {
  const messages: StoredMessage[] = [];
  const bySubject = new Map<string, StoredMessage[]>();
  const subjectOfId = new Map<string, string>();
  const history = async (aggregate: Aggregate, after = 0) => {
    const all = bySubject.get(plantSubject(aggregate)) ?? [];
    return historyOf(
      all.filter(({ sequence }) => sequence > after),
      after,
    );
  };
  return {
    history,
    read: async (aggregate, after) => (await history(aggregate, after)).events,
    async append(aggregate, events, { after, command }) {
      const subject = plantSubject(aggregate);
      const encoded = encodeEvents(aggregate, events, command);
      const recorded = bySubject.get(subject) ?? [];
      if ((recorded.at(-1)?.sequence ?? 0) !== after) return 'conflict';
      if (encoded.some(({ id }) => subjectOfId.has(id))) throw new CommandIdTaken(command.id, subject);
      for (const { id, headers, body } of encoded) {
        const message: StoredMessage = {
          subject,
          sequence: messages.length + 1,
          recordedAt: now().toISOString(),
          headers: parseHeaders(headers),
          data: body,
        };
        messages.push(message);
        recorded.push(message);
        subjectOfId.set(id, subject);
      }
      bySubject.set(subject, recorded);
      return positionOf('PLANT', messages.length);
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
