import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Duplex, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CsvError, parse } from 'csv-parse';
import type { ImportMap } from './import-map.ts';

/** Longest line that is read, characters; a longer one belongs to no table. */
const LINE_LENGTH_MAX = 1_000_000;

/** A delimited file being read: its rows one after the other, never more of it in memory than some blocks. */
export type Table = {
  /** The cells of each row, trimmed, the header's too if there is one; empty lines are left out. */
  rows: AsyncIterable<string[]>;
  /** Bytes of the file, and how many of them have been read so far. */
  bytesTotal: number;
  bytesRead: () => number;
};

/** The file is not what it should be; the message says so in a sentence. */
export class UnreadableFile extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnreadableFile';
  }
}

/** Opens a delimited file, plain or gzipped (told by its first bytes). @throws UnreadableFile, also while reading rows */
export async function openTable(path: string, { delimiter }: Pick<ImportMap, 'delimiter'>): Promise<Table> {
  const { bytesTotal, isGzipped } = await lookAt(path);
  const file = createReadStream(path);
  const text = isGzipped ? joined(file, createGunzip()) : file;
  const rows: AsyncIterable<string[]> =
    delimiter === 'whitespace' ? blankSeparated(text) : joined(text, csvParser(delimiter));
  return { rows: inWords(path, rows), bytesTotal, bytesRead: () => file.bytesRead };
}

/** Gzip files begin with these two bytes. */
const GZIP_MAGIC = 0x1f8b;

async function lookAt(path: string): Promise<{ bytesTotal: number; isGzipped: boolean }> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return { bytesTotal: size, isGzipped: bytesRead === 2 && buffer.readUInt16BE(0) === GZIP_MAGIC };
  } catch (error) {
    throw inWordsOf(path, error);
  }
}

function csvParser(delimiter: string) {
  return parse({
    delimiter: delimiter.replaceAll('\\t', '\t'),
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    max_record_size: LINE_LENGTH_MAX,
  });
}

/** What breaks in `from` breaks `to` as well, and whoever reads that is told. */
function joined<Stream extends Duplex>(from: Readable, to: Stream): Stream {
  pipeline(from, to, () => undefined);
  return to;
}

async function* blankSeparated(text: Readable): AsyncGenerator<string[]> {
  for await (const line of linesOf(text)) {
    const trimmed = line.trim();
    if (trimmed !== '') yield trimmed.split(/\s+/);
  }
}

async function* linesOf(text: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const block of text) {
    const lines = (rest + decoder.decode(block, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) throw new UnreadableFile(`a line is longer than ${LINE_LENGTH_MAX} characters`);
    yield* lines;
  }
  yield rest + decoder.decode();
}

async function* inWords(path: string, rows: AsyncIterable<string[]>): AsyncGenerator<string[]> {
  try {
    yield* rows;
  } catch (error) {
    throw inWordsOf(path, error);
  }
}

/** Puts what the file system, gunzip or the parser found wrong in words; anything else is a defect and stays itself. */
function inWordsOf(path: string, error: unknown): unknown {
  if (error instanceof UnreadableFile || error instanceof CsvError)
    return new UnreadableFile(`${path}: ${error.message}`);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return new UnreadableFile(`there is no file ${path}`);
  if (code === 'EISDIR') return new UnreadableFile(`${path} is a folder, not a file`);
  if (code === 'EACCES') return new UnreadableFile(`${path} may not be read`);
  if (code.startsWith('Z_'))
    return new UnreadableFile(`${path} is damaged or cut off: it cannot be unzipped to its end`);
  return error;
}
