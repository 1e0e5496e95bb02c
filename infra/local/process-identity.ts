import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const STAT_START_TIME_FIELD = 22;
const PS_MS_MAX = 2_000;

/** One running process, safe against reuse of its pid: `identity` differs for every process that ever had the pid. */
export interface ProcessMark {
  pid: number;
  /** Boot and start time of the process; opaque, only compared. */
  identity: string;
}

/** The mark of a running process, or null when no process has this pid (a zombie counts as gone). */
export function markOf(pid: number): ProcessMark | null {
  const identity = process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
  return identity === null ? null : { pid, identity };
}

/** True while exactly the marked process runs; false when it ended, even if another process now has its pid. */
export function isRunning(mark: ProcessMark): boolean {
  return markOf(mark.pid)?.identity === mark.identity;
}

/**
 * The state letter and start time (clock ticks since boot) in a line of `/proc/<pid>/stat`, or null if it is none.
 * The command's name, in parentheses, may hold spaces and parentheses itself, so fields are counted from its end.
 */
export function parseProcStat(line: string): { state: string; startTicks: string } | null {
  const afterName = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const state = afterName[0];
  const startTicks = afterName[STAT_START_TIME_FIELD - 3];
  if (!line.includes(')') || !state || startTicks === undefined || !/^\d+$/.test(startTicks)) return null;
  return { state, startTicks };
}

function linuxIdentity(pid: number): string | null {
  const line = readOrNull(`/proc/${pid}/stat`);
  const stat = line === null ? null : parseProcStat(line);
  if (stat === null || stat.state === 'Z' || stat.state === 'X') return null;
  const boot = readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? 'boot';
  return `${boot}:${stat.startTicks}`;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function psIdentity(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_MS_MAX,
    }).trim();
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
  } catch {
    return null;
  }
}
