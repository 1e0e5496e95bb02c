import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/** The urls hold the database's password, so only the owner may read the file. */
const OWNER_ONLY = 0o600;

const processMark = z.object({ pid: z.int().positive(), identity: z.string().min(1) });

const childRecord = processMark.extend({
  name: z.string().min(1),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGKILL']),
});

const runFile = z.object({
  version: z.literal(1),
  starter: processMark,
  /** When the starter began, ISO 8601. */
  startedAt: z.iso.datetime(),
  /** True once everything was up; the urls are all there then. */
  isReady: z.boolean(),
  urls: z.object({
    web: z.string().optional(),
    mqtt: z.string().optional(),
    nats: z.string().optional(),
    mongodb: z.string().optional(),
  }),
  children: z.array(childRecord),
});

/** `.data/run.json`: what runs from this folder, while it runs. Other commands read the addresses from it. */
export type RunFile = z.infer<typeof runFile>;

/** The run file's content, or null when there is none or it is not one (a start that was killed while writing it). */
export function readRunFile(file: string): RunFile | null {
  try {
    return parseRunFile(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Parses a run file's text; null when it is not one. */
export function parseRunFile(text: string): RunFile | null {
  try {
    return runFile.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Replaces the run file in one step: a reader sees the old one or the new one, never a part. */
export function writeRunFile(file: string, run: RunFile): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(run, null, 2)}\n`, { mode: OWNER_ONLY });
  renameSync(draft, file);
}

/** Writes the first run file of a start; false when another start's is there. */
export function claimRunFile(file: string, run: RunFile): boolean {
  try {
    writeFileSync(file, `${JSON.stringify(run, null, 2)}\n`, { mode: OWNER_ONLY, flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Forgets the run. */
export function removeRunFile(file: string): void {
  rmSync(file, { force: true });
}
