import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const SAMPLE_EVERY_MS = 1_000;
const KIBIBYTE_PER_MEBIBYTE = 1024;

/** What a program used while it was watched, with all its child processes. CPU in percent of one core. */
export type Usage = {
  name: string;
  cpuPercentMean: number;
  /** Of the busiest second. */
  cpuPercentMax: number;
  /** User and system time of all the watching. */
  cpuSeconds: number;
  rssMebibytesMean: number;
  rssMebibytesMax: number;
};

type Totals = { cpuTicks: number; rssKibibytes: number };
type Watched = { first: number; last: number; busiest: number; rss: number[] };

/**
 * Looks once a second at what programs use, from `/proc` (Linux), and answers how to stop and have the sums. A program is
 * named by the pid it was started with; its children count with it, unless they are programs of their own. Memory that processes of one program share (as
 * PostgreSQL's do) counts once.
 */
export function watchProcesses(pidOf: () => Record<string, number>): () => Usage[] {
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  const watched = new Map<string, Watched>();
  const startedMs = performance.now();
  let lookedMs = startedMs;
  look();
  const timer = setInterval(look, SAMPLE_EVERY_MS);

  function look(): void {
    const nowMs = performance.now();
    const seconds = (nowMs - lookedMs) / 1000;
    lookedMs = nowMs;
    const children = childrenByParent();
    const programs = Object.entries(pidOf());
    const roots = new Set(programs.map(([, pid]) => pid));
    for (const [name, pid] of programs) {
      const { cpuTicks, rssKibibytes } = totalsOf(familyOf(pid, children, roots));
      const known = watched.get(name) ?? { first: cpuTicks, last: cpuTicks, busiest: 0, rss: [] };
      if (seconds > 0) known.busiest = Math.max(known.busiest, (cpuTicks - known.last) / seconds);
      known.last = cpuTicks;
      known.rss.push(rssKibibytes);
      watched.set(name, known);
    }
  }

  return () => {
    clearInterval(timer);
    look();
    const seconds = (lookedMs - startedMs) / 1000;
    return [...watched].map(([name, { first, last, busiest, rss }]) => ({
      name,
      cpuPercentMean: (100 * (last - first)) / ticksPerSecond / seconds,
      cpuPercentMax: (100 * busiest) / ticksPerSecond,
      cpuSeconds: (last - first) / ticksPerSecond,
      rssMebibytesMean: rss.reduce((sum, one) => sum + one, 0) / rss.length / KIBIBYTE_PER_MEBIBYTE,
      rssMebibytesMax: Math.max(...rss) / KIBIBYTE_PER_MEBIBYTE,
    }));
  };
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(statOf(pid)?.[PARENT]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

/** A process and its descendants, without those that are watched under a name of their own. */
function familyOf(pid: number, children: Map<number, number[]>, roots: ReadonlySet<number>): number[] {
  const own = (children.get(pid) ?? []).filter((child) => !roots.has(child));
  return [pid, ...own.flatMap((child) => familyOf(child, children, roots))];
}

/** Places in `/proc/<pid>/stat` behind the name, which is in brackets and may hold anything. */
const PARENT = 1;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;
/** Those of children that have ended and were waited for. */
const ENDED_USER_TICKS = 13;
const ENDED_SYSTEM_TICKS = 14;

function statOf(pid: number): string[] | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function totalsOf(pids: readonly number[]): Totals {
  let cpuTicks = 0;
  let own = 0;
  let shared = 0;
  for (const pid of pids) {
    const stat = statOf(pid) ?? [];
    for (const at of [USER_TICKS, SYSTEM_TICKS, ENDED_USER_TICKS, ENDED_SYSTEM_TICKS])
      cpuTicks += Number(stat[at] ?? 0);
    const status = textOf(`/proc/${pid}/status`) ?? '';
    const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    own += kibibytes('RssAnon') + (pid === pids[0] ? kibibytes('RssFile') : 0);
    shared = Math.max(shared, kibibytes('RssShmem'));
  }
  return { cpuTicks, rssKibibytes: own + shared };
}

/** A process may end between being listed and being looked at. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
