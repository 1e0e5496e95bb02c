import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { CannotStart } from './cannot-start.ts';

const OUTPUT_CHARACTERS_MAX = 16 * 1024 * 1024;
const ERROR_CHARACTERS_MAX = 600;

export interface ToolOptions {
  /** Working folder; the current one if left out. */
  folder?: string;
  /** Added to this process's environment. */
  environment?: Record<string, string>;
  /** The tool is killed after this many seconds. */
  secondsMax: number;
}

/** A command that ended with an error, ran out of time, or could not be started. */
export class ToolFailed extends Error {
  override name = 'ToolFailed';
  readonly output: string;
  readonly isMissing: boolean;
  readonly isOutOfTime: boolean;

  constructor(message: string, details: { output: string; isMissing: boolean; isOutOfTime: boolean }) {
    super(message);
    this.output = details.output;
    this.isMissing = details.isMissing;
    this.isOutOfTime = details.isOutOfTime;
  }
}

/** What runs right now, to be ended with this process: a build may start many processes of its own. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach(killGroup));

/**
 * Runs a command to its end, without a shell and without stdin, and answers what it printed on stdout.
 * @throws ToolFailed with the end of its output when it fails, is missing, or takes longer than `secondsMax`.
 */
export async function runTool(command: string, args: string[], options: ToolOptions): Promise<string> {
  const child = spawn(command, args, {
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
    env: { ...process.env, LC_ALL: 'C', ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  let isOutOfTime = false;
  const timer = setTimeout(() => {
    isOutOfTime = true;
    killGroup(child);
  }, options.secondsMax * 1000);
  try {
    const [stdout, stderr, how] = await Promise.all([collect(child.stdout), collect(child.stderr), howItEnds(child)]);
    if (how === null) return stdout;
    const output = `${stdout}\n${stderr}`.trim().slice(-ERROR_CHARACTERS_MAX) || how.message;
    const why = isOutOfTime ? `took longer than ${options.secondsMax} s` : `failed: ${output}`;
    throw new ToolFailed(`${command} ${why}`, { output, isMissing: how.isMissing, isOutOfTime });
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
}

/** Null when it ended well. */
function howItEnds(child: ChildProcess): Promise<{ message: string; isMissing: boolean } | null> {
  return new Promise((resolve) => {
    child.once('error', (error) =>
      resolve({ message: error.message, isMissing: 'code' in error && error.code === 'ENOENT' }),
    );
    child.once('close', (code, signal) =>
      resolve(code === 0 ? null : { message: signal ?? `exit code ${code}`, isMissing: false }),
    );
  });
}

/** Everything a stream says, its last 16 megabytes at most. */
async function collect(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text = (text + chunk).slice(-OUTPUT_CHARACTERS_MAX);
  return text;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The full path of an executable on PATH, or null. */
export async function findOnPath(name: string, path = process.env.PATH ?? ''): Promise<string | null> {
  for (const folder of path.split(delimiter).filter(Boolean)) {
    const candidate = join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return null;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const DISK_FULL = /ENOSPC|No space left on device|disk quota exceeded/i;
const NETWORK_DOWN =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|no such host|Could not resolve|Temporary failure resolving|connection refused|i\/o timeout|Failed to fetch|Unable to connect|network is unreachable|proxyconnect|TLS handshake timeout|unexpected EOF/i;

/**
 * Turns a failed step into one sentence for the person: a full disk, a dead download, a missing tool, or the tool's
 * own last words.
 * @param what the thing that was to be had, e.g. "nats-server 2.15.1"
 * @param instead how to provide it otherwise, an imperative, e.g. "set NATS_URL to a server of your own"
 */
export function explain(error: unknown, what: string, instead: string): CannotStart {
  if (error instanceof CannotStart) return error;
  const text = error instanceof ToolFailed ? error.output : error instanceof Error ? error.message : String(error);
  if (DISK_FULL.test(text))
    return new CannotStart(`The disk is full while fetching ${what}: free some space and start again.`);
  if (error instanceof ToolFailed && error.isOutOfTime)
    return new CannotStart(
      `Fetching ${what} ${error.message.slice(error.message.indexOf('took'))}: check the network and start again, or ${instead}.`,
    );
  if (NETWORK_DOWN.test(text))
    return new CannotStart(
      `${what} could not be downloaded: check the network (or its proxy) and start again, or ${instead}.`,
    );
  const lastLine = text.trim().split('\n').at(-1) ?? '';
  return new CannotStart(`${what} could not be had (${lastLine}): ${instead}.`);
}
