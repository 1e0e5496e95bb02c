import { closeSync, copyFileSync, fstatSync, mkdirSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** A log longer than this is moved to `<name>.log.1` and begun anew, so a child's logs never take more than twice that. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;
const READ_BYTES_MAX = 1024 * 1024;
const LAST_LINES = 3;
/** As Node, PostgreSQL, NATS and our own programs write it. */
const COMPLAINT = /\b[A-Za-z]*Error: |\bFATAL: |\[FTL\]/;
const LINE_CHARACTERS_MAX = 300;

/** Opens `<folder>/<name>.log` for appending; children write to it directly, so they outlive their starter unharmed. */
export function openLog(folder: string, name: string): { file: string; descriptor: number; bytes: number } {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.log`);
  limitLog(file);
  const descriptor = openSync(file, 'a');
  return { file, descriptor, bytes: fstatSync(descriptor).size };
}

/** Moves a log that grew too long aside; what is written during the copy may be lost. */
export function limitLog(file: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= LOG_BYTES_MAX) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** What was written to a log since `fromByte`, its last megabyte at most. */
export function readLog(file: string, fromByte: number): string {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const from = Math.max(fromByte > size ? 0 : fromByte, size - READ_BYTES_MAX);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, buffer.length, from));
  } finally {
    closeSync(descriptor);
  }
}

/** What a log's text says about an end, for an error message: its last line with an error in it, else its last lines. */
export function lastWords(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const complaint = lines.findLast((line) => COMPLAINT.test(line));
  const telling = complaint === undefined ? lines.slice(-LAST_LINES) : [complaint];
  return telling.map((line) => line.trim().slice(0, LINE_CHARACTERS_MAX)).join(' | ');
}
