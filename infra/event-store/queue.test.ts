import { describe, expect, it } from 'vitest';
import { Overloaded } from './errors.ts';
import { keyedQueue } from './queue.ts';

describe('a queue with keys', () => {
  it('runs the tasks of one key one after the other, those of others at once', async () => {
    const inTurn = keyedQueue();
    const story: string[] = [];
    const gate = Promise.withResolvers<void>();
    const tasks = [
      inTurn('a', async () => {
        await gate.promise;
        story.push('a1');
      }),
      inTurn('a', async () => story.push('a2')),
      inTurn('b', async () => story.push('b1')),
    ];
    await tasks[2];
    expect(story).toEqual(['b1']);
    gate.resolve();
    await Promise.all(tasks);
    expect(story).toEqual(['b1', 'a1', 'a2']);
  });

  it('goes on behind a task that fails, and tells only its caller', async () => {
    const inTurn = keyedQueue();
    const failing = inTurn('a', () => Promise.reject(new Error('no')));
    const next = inTurn('a', async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('refuses more than it can hold', async () => {
    const inTurn = keyedQueue();
    const gate = Promise.withResolvers<void>();
    const held = Array.from({ length: 1_000 }, () => inTurn('a', () => gate.promise));
    await expect(inTurn('a', async () => 'late')).rejects.toThrow(Overloaded);
    gate.resolve();
    await Promise.all(held);
    expect(await inTurn('a', async () => 'in time')).toBe('in time');
  });
});
