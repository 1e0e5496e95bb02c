import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { isConnected, onStatus } from '../event-store/connection-status.ts';
import { waitMs } from '../event-store/wait.ts';
import type { Member } from './turns.ts';

const TELL_EVERY_MS = 500;
/** Not heard for this long, a member counts as gone; a lease of it ends at about the same time. */
const GONE_AFTER_MS = 2_500;
/** More members than this are not remembered. */
const MEMBERS_MAX = 100;

const wordSchema = z.object({
  id: z.string(),
  upForMs: z.number().min(0),
  unable: z.array(z.string()),
  isLeaving: z.boolean(),
});
type Word = z.infer<typeof wordSchema>;

/** Who has just come knows the others after this long, unless the machine is very busy. */
const INTRODUCTION_MS = 100;

/** The processes of one program, as far as they hear of each other. */
export type Presence = {
  /** Resolves when the others have had the time to say that they are there. */
  introduced: Promise<void>;
  /** Those that are there, this one among them. */
  members(): Member[];
  /** Notes, and tells, whether this process can lead a task. */
  setAble(task: string, isAble: boolean): void;
  /** Tells that this process is about to end and is to lead nothing more. */
  leave(): void;
  /** Stops telling and listening. */
  close(): void;
};

/** Lets the processes of a program know of each other: a word twice a second over core NATS, kept nowhere. */
export function openPresence(nc: NatsConnection, program: string, id: string): Presence {
  const subject = `presence.${program}`;
  const startedMs = performance.now();
  const heard = new Map<string, { word: Word; atMs: number }>();
  const unable = new Set<string>();
  let isLeaving = false;

  const ownWord = (): Word => ({ id, upForMs: performance.now() - startedMs, unable: [...unable], isLeaving });
  const tell = () => {
    // What was published while the connection is down would wait in the client.
    if (isConnected(nc) && !nc.isClosed()) nc.publish(subject, JSON.stringify(ownWord()));
  };
  const forget = () => {
    for (const [name, { atMs }] of heard) if (performance.now() - atMs > GONE_AFTER_MS) heard.delete(name);
  };

  const subscription = nc.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) return;
      const word = wordSchema.safeParse(message.json()).data;
      if (word === undefined || word.id === id) return;
      if (word.isLeaving) return void heard.delete(word.id);
      const isNew = !heard.has(word.id);
      if (isNew && heard.size >= MEMBERS_MAX) return;
      heard.set(word.id, { word, atMs: performance.now() });
      // So that who has just come knows everybody at once.
      if (isNew) tell();
    },
  });
  const unwatch = onStatus(nc, ({ type }) => {
    // While the connection was down nobody could be heard; whoever was there has a moment to say so again.
    if (type === 'reconnect') for (const one of heard.values()) one.atMs = performance.now();
  });
  const telling = setInterval(() => {
    tell();
    if (isConnected(nc)) forget();
  }, TELL_EVERY_MS);
  tell();

  return {
    introduced: waitMs(INTRODUCTION_MS),
    members: () => [...(isLeaving ? [] : [ownWord()]), ...[...heard.values()].map(({ word }) => word)],
    setAble(task, isAble) {
      if (isAble) unable.delete(task);
      else unable.add(task);
      tell();
    },
    leave() {
      isLeaving = true;
      tell();
    },
    close() {
      clearInterval(telling);
      unwatch();
      subscription.unsubscribe();
    },
  };
}
