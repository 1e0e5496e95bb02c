import { describe, expect, it } from 'vitest';
import { type KeyPress, type Pending, readShortcut, SEQUENCE_WITHIN_MS } from './shortcuts.ts';

const press = (key: string, over: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrl: false,
  isTyping: false,
  at: 0,
  ...over,
});
const afterG: Pending = { startedAt: 0 };

describe('shortcuts', () => {
  it('open the palette with Ctrl K, even while typing', () => {
    expect(readShortcut(press('k', { ctrl: true, isTyping: true }), null).shortcut).toEqual({ kind: 'palette' });
  });

  it('leave other Ctrl keys to the browser', () => {
    expect(readShortcut(press('a', { ctrl: true }), null).shortcut).toBeNull();
  });

  it('acknowledge, help and filter by one key', () => {
    expect(['a', '?', '/'].map((key) => readShortcut(press(key), null).shortcut?.kind)).toEqual([
      'acknowledge',
      'help',
      'filter',
    ]);
  });

  it('are silent while somebody types', () => {
    expect(readShortcut(press('a', { isTyping: true }), null).shortcut).toBeNull();
  });

  it('go by g and a letter, which then means nothing else', () => {
    expect(readShortcut(press('g'), null)).toEqual({ shortcut: null, pending: afterG });
    expect(readShortcut(press('a', { at: 300 }), afterG)).toEqual({
      shortcut: { kind: 'go', key: 'a' },
      pending: null,
    });
  });

  it('forget a g that came too long ago', () => {
    expect(readShortcut(press('a', { at: SEQUENCE_WITHIN_MS + 1 }), afterG).shortcut).toEqual({ kind: 'acknowledge' });
  });
});
