import { expect, test } from 'vitest';
import { lastWords } from './log-file.ts';

test('the last words of a program are its error, wherever the stack ends', () => {
  const log = 'starting\nTypeError: x is not a function\n    at main (main.ts:1)\n\nNode.js v26.10.0\n';
  expect(lastWords(log)).toBe('TypeError: x is not a function');
});

test('without an error they are its last three lines', () => {
  expect(lastWords('a\nb\n\nc\nd\n')).toBe('b | c | d');
  expect(lastWords('')).toBe('');
});
