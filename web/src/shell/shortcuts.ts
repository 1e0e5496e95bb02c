/** After the first key of a sequence such as `g o`, the second must come within this time, milliseconds. */
export const SEQUENCE_WITHIN_MS = 1_200;

export type KeyPress = { key: string; ctrl: boolean; isTyping: boolean; at: number };

/** What a key press asks for. */
export type Shortcut =
  | { kind: 'palette' }
  | { kind: 'help' }
  | { kind: 'acknowledge' }
  | { kind: 'filter' }
  | { kind: 'go'; key: string };

/** What was pressed before and may still be the start of a sequence. */
export type Pending = { startedAt: number } | null;

/**
 * Reads one key press. Single keys are silent while somebody types; `Ctrl K` always works. Answers the shortcut, if it is one,
 * and what is pending now.
 */
export function readShortcut(press: KeyPress, pending: Pending): { shortcut: Shortcut | null; pending: Pending } {
  const key = press.key.toLowerCase();
  if (press.ctrl) return { shortcut: key === 'k' ? { kind: 'palette' } : null, pending: null };
  if (press.isTyping) return { shortcut: null, pending: null };
  if (pending !== null && press.at - pending.startedAt <= SEQUENCE_WITHIN_MS && /^[a-z]$/.test(key)) {
    return { shortcut: { kind: 'go', key }, pending: null };
  }
  if (key === 'g') return { shortcut: null, pending: { startedAt: press.at } };
  if (key === '?') return { shortcut: { kind: 'help' }, pending: null };
  if (key === 'a') return { shortcut: { kind: 'acknowledge' }, pending: null };
  if (key === '/') return { shortcut: { kind: 'filter' }, pending: null };
  return { shortcut: null, pending: null };
}

/** Whether a key press belongs to what has the focus: a text field, a list, an open menu. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    target.closest('input:not([type=range]):not([type=checkbox]), textarea, select, dialog') !== null
  );
}
