import { expect, test } from 'vitest';
import { cursorOf, cursorText, parseCursor } from './live-cursor.ts';
import type { LiveCollections } from './live-feed.ts';
import { audienceOf, liveMessage, messagesFor } from './live-message.ts';
import type { User } from './security.ts';

const collections: LiveCollections = {
  twins: { stream: 'TELEMETRY', permission: 'twins:read' },
  work: {
    stream: 'PLANT',
    permission: 'orders:read',
    part: {
      permission: 'work:read',
      of: (document, user) => (document.floor === user.shopfloorId ? { mine: true } : undefined),
    },
  },
};
const userOf = (role: User['role'], more: Partial<User> = {}): User => ({
  id: 'a',
  email: 'a@b.c',
  name: 'A',
  role,
  ...more,
});
const twin = liveMessage('twins', 7, '{"state":{},"_id":"a\\"1","_position":7}');
const work = liveMessage('work', 9, new TextEncoder().encode('{"_id":"w:1","floor":"f1","_position":9}'));

test('a message names its collection and document, and carries the document as it came', () => {
  expect(twin.id()).toBe('a"1');
  const data = /^event: document\ndata: (.*)\n\n$/.exec(twin.frame())?.[1] ?? '';
  expect(JSON.parse(data)).toEqual({
    collection: 'twins',
    id: 'a"1',
    document: { state: {}, _id: 'a"1', _position: 7 },
  });
});

test('an audience gets what its role may see, and its part of the rest', () => {
  const all = audienceOf(collections, userOf('erp-owner'));
  expect(messagesFor(all, [twin, work], 'c')).toBe(`${twin.frame()}id: c\n${work.frame()}`);
  const user = audienceOf(collections, userOf('user'));
  expect(messagesFor(user, [twin, work], 'c')).toBe(`id: c\n${twin.frame()}`);
  const floor = audienceOf(collections, userOf('shopfloor-user', { shopfloorId: 'f1' }));
  expect(messagesFor(floor, [twin, work], undefined)).toBe(
    'event: document\ndata: {"collection":"work","id":"w:1","document":{"mine":true}}\n\n',
  );
  expect(messagesFor(audienceOf(collections, userOf('shopfloor-user', { shopfloorId: 'f2' })), [twin, work], 'c')).toBe(
    '',
  );
});

test('who may see the same shares a key, who sees a part of their own does not', () => {
  const key = (user: User, wanted?: string[]) => audienceOf(collections, user, wanted).key;
  expect(key(userOf('user'))).toBe(key(userOf('operator', { id: 'b' })));
  expect(key(userOf('erp-owner'))).not.toBe(key(userOf('user')));
  expect(key(userOf('erp-owner'), ['twins'])).toBe(key(userOf('user')));
  expect(key(userOf('shopfloor-user', { id: 'x' }))).not.toBe(key(userOf('shopfloor-user', { id: 'y' })));
});

test('a cursor is as far as the slowest read model of each stream', () => {
  const three = { ...collections, slow: { stream: 'PLANT' as const } };
  const cursor = cursorOf(three, (name) => ({ twins: 50, work: 9, slow: 4 })[name] ?? 0);
  expect(cursor).toEqual({ PLANT: 4, TELEMETRY: 50 });
  expect(parseCursor(cursorText(cursor))).toEqual(cursor);
  expect(parseCursor('PLANT:1')).toBeUndefined();
});
