import type { Db } from 'mongodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { freshDatabase } from '../testing/mongo.ts';
import { advanceCheckpoint, checkpointsIn, openCheckpoint, SecondWriter } from './checkpoints.ts';
import { stopAt } from './dead-letters.ts';
import { seen } from './fixtures.ts';
import { openServing, pointersIn } from './pointers.ts';

const log = { first: 1, last: 100, created: '2026-11-24T00:00:00Z' };
const asLog = () => Promise.resolve(log);
const otherLog = { ...log, created: '2026-11-25T00:00:00Z' };

let database: Db;
beforeEach(async () => {
  const fresh = await freshDatabase();
  database = fresh.db;
  return () => fresh[Symbol.asyncDispose]();
});

const open = (holder: string, version = 1, facts = asLog) =>
  openCheckpoint(database, { ...seen, version }, holder, facts);
const stored = (id = 'seen_v1') => checkpointsIn(database).findOne({ _id: id });

describe('who opens a checkpoint', () => {
  test('shuts out whoever had opened it before, even if nothing has moved since', async () => {
    const { checkpoint: old } = await open('old');
    const { checkpoint: taken } = await open('new');
    expect([old.term, taken.term]).toEqual([1, 2]);
    await expect(advanceCheckpoint(database, old, 50)).rejects.toThrow(SecondWriter);
    await expect(stopAt(database, old, 1, new Error('no such unit'))).rejects.toThrow(SecondWriter);
    expect(await stored()).toEqual(taken);
    expect(await advanceCheckpoint(database, taken, 60)).toMatchObject({ position: 60, holder: 'new' });
  });

  test('is shut out by whoever opens it at the same moment', async () => {
    const both = await Promise.allSettled([open('one'), open('other')]);
    const winners = both.filter(({ status }) => status === 'fulfilled');
    // One after the other is as good; then the first is shut out.
    const { term, holder } = (await stored()) ?? {};
    expect(term).toBe(winners.length);
    expect(['one', 'other']).toContain(holder);
  });

  test('does not take a log for cut that grows while it asks', async () => {
    const { checkpoint } = await open('old');
    const opening = open('new', 1, async () => {
      await advanceCheckpoint(database, checkpoint, 101);
      return log;
    });
    await expect(opening).rejects.toThrow(SecondWriter);
    expect(await stored()).toMatchObject({ position: 101, collection: 'seen_v1' });
  });

  test('begins anew, in another collection, what was last written by a program that did not keep former documents', async () => {
    await open('old');
    await checkpointsIn(database).updateOne({ _id: 'seen_v1' }, { $unset: { term: '', holder: '', snapshots: '' } });
    const ofOlder = await open('new');
    expect(ofOlder.checkpoint).toMatchObject({ term: 1, position: 0, collection: 'seen_v1_2' });
    expect(ofOlder.givenUp).toEqual({ collection: 'seen_v1', reason: 'its former documents were not kept' });
    // An older program takes it up for a while: it raises the term, and that is all it does.
    await checkpointsIn(database).updateOne({ _id: 'seen_v1' }, { $set: { term: 2, position: 7 } });
    const afterOlder = await open('new');
    expect(afterOlder.checkpoint).toMatchObject({ term: 3, position: 0, collection: 'seen_v1_3' });
    expect(await advanceCheckpoint(database, afterOlder.checkpoint, 8)).toMatchObject({ position: 8 });
    expect((await open('new')).checkpoint).toMatchObject({ term: 4, position: 8, collection: 'seen_v1_3' });
  });

  test('goes on with what a program wrote that kept no former documents, where those can be folded from the log alone', async () => {
    // Most of the log has aged out: begun anew, the read model would lose what was folded from it.
    const rest = () => Promise.resolve({ ...log, first: 90 });
    const past = { subject: (key: string) => key, period: () => '' };
    const openLater = (holder: string) => openCheckpoint(database, { ...seen, past }, holder, rest);
    await openLater('old');
    await checkpointsIn(database).updateOne({ _id: 'seen_v1' }, { $set: { position: 95 }, $unset: { snapshots: '' } });
    const ofOlder = await openLater('new');
    expect(ofOlder.givenUp).toBeUndefined();
    expect(ofOlder.checkpoint).toMatchObject({ position: 95, collection: 'seen_v1' });
    // And after an older program has taken it up for a while.
    await checkpointsIn(database).updateOne({ _id: 'seen_v1' }, { $set: { term: 3, position: 97 } });
    const afterOlder = await openLater('new');
    expect(afterOlder.checkpoint).toMatchObject({ term: 4, position: 97, collection: 'seen_v1' });
  });

  test('of another log takes a collection of a name that was never used', async () => {
    await open('old');
    const second = await open('new', 1, () => Promise.resolve(otherLog));
    expect([second.checkpoint.collection, second.givenUp?.collection]).toEqual(['seen_v1_2', 'seen_v1']);
    const third = await open('new');
    expect(third.checkpoint).toMatchObject({ collection: 'seen_v1_3', position: 0, term: 3 });
  });
});

describe('queries see', () => {
  const served = async () => (await pointersIn(database).findOne({ _id: 'seen' }))?.collection;

  /** A version opened, moved to a position, and how it is served. */
  async function built(version: number, position: number, facts = asLog) {
    const { checkpoint } = await open('builder', version, facts);
    const serving = await openServing(database, checkpoint, facts);
    return { serving, checkpoint: await advanceCheckpoint(database, checkpoint, position) };
  }

  test('the only version there is, however far it is', async () => {
    const first = await built(1, 0);
    expect([first.serving.isServed, await served()]).toEqual([true, 'seen_v1']);
  });

  test('a newer version once it is as far as the older one, which may go on meanwhile', async () => {
    const first = await built(1, 90);
    const second = await built(2, 80);
    expect([second.serving.isServed, await second.serving.serveWhenComplete(second.checkpoint)]).toEqual([
      false,
      false,
    ]);
    await advanceCheckpoint(database, first.checkpoint, 95);
    const closer = await advanceCheckpoint(database, second.checkpoint, 90);
    expect(await second.serving.serveWhenComplete(closer)).toBe(false);
    const asFar = await advanceCheckpoint(database, closer, 95);
    expect([await second.serving.serveWhenComplete(asFar), await served()]).toEqual([true, 'seen_v2']);
  });

  test('a newer version although the older one is ahead, if that is of a log that was cut', async () => {
    await built(1, 100);
    const cut = () => Promise.resolve({ ...log, last: 60 });
    const second = await built(2, 60, cut);
    expect(await second.serving.serveWhenComplete(second.checkpoint)).toBe(true);
  });

  test('no older version while a newer one is alive, also when both begin anew', async () => {
    await built(1, 90);
    const second = await built(2, 90);
    await second.serving.serveWhenComplete(second.checkpoint);
    const old = await built(1, 100);
    expect([old.serving.isServed, await old.serving.serveWhenComplete(old.checkpoint)]).toEqual([false, false]);
    expect(await served()).toBe('seen_v2');
  });

  test('nothing of who served before and wakes up late', async () => {
    const { checkpoint } = await open('old');
    const pointers = pointersIn(database);
    await openServing(database, checkpoint, asLog);
    // The newer version is served between the look of the older one and its move.
    const late = openServing(
      movedBehind(database, () => pointers.replaceOne({ _id: 'seen' }, { version: 2, collection: 'seen_v2' })),
      checkpoint,
      asLog,
    );
    expect([(await late).isServed, await served()]).toEqual([false, 'seen_v2']);
  });
});

/** A database in which something happens after the first look at the pointers. */
function movedBehind(its: Db, happen: () => Promise<unknown>): Db {
  return new Proxy(its, {
    get(target, property) {
      if (property !== 'collection') return Reflect.get(target, property);
      return (name: string) => {
        const collection = target.collection(name);
        const findOne = collection.findOne.bind(collection);
        return Object.assign(collection, {
          async findOne(filter: object) {
            const found = await findOne(filter);
            await happen();
            return found;
          },
        });
      };
    },
  });
}
