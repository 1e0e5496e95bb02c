import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const GIBIBYTE = 1024 ** 3;
const infra = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Something asked for beside what was measured, e.g. `{asked: '≥ 0.8', measured: 0.91, unit: '×'}`. */
export type Figure = { name: string; asked: string; measured: number; unit: string; isMet: boolean };

/** What was measured, for people. Numbers are rounded when shown: whole from 100 up, else to three digits. */
export type Table = { title: string; columns: readonly string[]; rows: readonly (readonly (string | number)[])[] };

/** What one part of the benchmark has found. */
export type Findings = {
  /** Also the name of its file and of its block in docs/performance.md: lower case, `-` between words. */
  name: string;
  /** How it was measured, in a sentence or two: rivals and their commands or calls, sizes, rounds. */
  how: string;
  /** The command that measures it again. */
  command: string;
  /** Versions of what was measured beside Node, by name. */
  versions: Record<string, string>;
  tables: readonly Table[];
  /** What each figure says about where the time goes, one sentence each. */
  bottlenecks?: readonly string[];
  figures: readonly Figure[];
};

/** Findings as they are kept in `.data/bench/<name>.json`. `loadBefore`: processes that wanted a core in the minute before. */
export type KeptFindings = Findings & { measuredAt: string; machine: Machine };

export type Machine = { cpu: string; cores: number; memoryGiB: number; system: string; loadBefore: number };

/** A figure that must not be below `asked`; one that could not be measured (NaN) is not met. */
export function atLeast(name: string, asked: number, measured: number, unit: string): Figure {
  return { name, asked: `≥ ${shown(asked)}`, measured, unit, isMet: measured >= asked };
}

/** A figure that must not be above `asked`. */
export function atMost(name: string, asked: number, measured: number, unit: string): Figure {
  return { name, asked: `≤ ${shown(asked)}`, measured, unit, isMet: measured <= asked };
}

/** A count that must be exactly so. */
export function exactly(name: string, asked: number, measured: number, unit = ''): Figure {
  return { name, asked: shown(asked), measured, unit, isMet: measured === asked };
}

const loadBefore = loadavg()[0] ?? 0;

/** Prints the tables, the figures and, last, `N of M figures met`; keeps all of it in `.data/bench/<name>.json`. */
export function report(findings: Findings): void {
  console.log(`\n${findings.how}`);
  for (const table of findings.tables) console.log(`\n${alignedTable(table)}`);
  for (const bottleneck of findings.bottlenecks ?? []) console.log(`\n${bottleneck}`);
  const kept: KeptFindings = { ...findings, measuredAt: new Date().toISOString(), machine: machine() };
  const folder = benchFolder();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${findings.name}.json`), `${JSON.stringify(kept, null, 2)}\n`);
  console.log(`\n${figureLines(findings.figures).join('\n')}`);
}

/** One line per figure, and the count of those met. */
export function figureLines(figures: readonly Figure[]): string[] {
  const lines = figures.map(
    ({ name, asked, measured, unit, isMet }) =>
      `  ${isMet ? '✓' : '✗'} ${name}: asked ${withUnit(asked, unit)}, measured ${withUnit(shown(measured), unit)}`,
  );
  return [...lines, `${figures.filter(({ isMet }) => isMet).length} of ${figures.length} figures met`];
}

/** What a part has found last; `undefined` if it was never run here. */
export function keptFindings(name: string): KeptFindings | undefined {
  try {
    return JSON.parse(readFileSync(join(benchFolder(), `${name}.json`), 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where findings are kept: `bench` in the data folder. */
export function benchFolder(): string {
  return join(process.env.DATA_DIR ?? join(infra, '../.data'), 'bench');
}

/** Version of a package that infra uses. */
export function packageVersion(name: string): string {
  return JSON.parse(readFileSync(join(infra, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** A number for people: whole with thousands from 100 up, else with three digits. */
export function shown(value: number | string): string {
  if (typeof value === 'string') return value;
  if (!Number.isFinite(value)) return 'not measured';
  const digits = Math.abs(value) >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 };
  return new Intl.NumberFormat('en', digits).format(value);
}

export function withUnit(value: string, unit: string): string {
  return unit === '×' || unit === '' ? value + unit : `${value} ${unit}`;
}

function alignedTable({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(shown))];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return [title, ...cells.map((row) => `  ${line(row).join('   ').trimEnd()}`)].join('\n');
}

function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / GIBIBYTE),
    system: `${type()} ${release()} ${arch()}, Node ${process.version}`,
    loadBefore,
  };
}
