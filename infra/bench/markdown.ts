import { type Figure, type KeptFindings, shown, type Table, withUnit } from './figures.ts';

/** Finds `<!-- bench:append -->` … `<!-- /bench:append -->`. */
const BLOCK = /<!-- bench:([a-z-]+) -->\n[\s\S]*?<!-- \/bench:\1 -->/g;

/** The page with each block replaced by the findings of its name, where there are any; `filled` names those blocks. */
export function filledIn(
  page: string,
  findingsOf: (name: string) => KeptFindings | undefined,
): { text: string; filled: string[] } {
  const filled: string[] = [];
  const text = page.replaceAll(BLOCK, (block, name: string) => {
    const findings = findingsOf(name);
    if (findings === undefined) return block;
    filled.push(name);
    return `<!-- bench:${name} -->\n${blockOf(findings)}\n<!-- /bench:${name} -->`;
  });
  return { text, filled };
}

function blockOf({
  how,
  command,
  versions,
  tables,
  bottlenecks = [],
  figures,
  machine,
  measuredAt,
}: KeptFindings): string {
  const versionList = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const where = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`;
  return [
    how,
    ...tables.map(markdownTable),
    ...(figures.length === 0 ? [] : [figureTable(figures)]),
    ...bottlenecks,
    `\`${command}\` on ${measuredAt.slice(0, 10)}: ${[where, ...versionList].join(', ')}. Before it, ${shown(machine.loadBefore)} processes wanted a core.`,
  ].join('\n\n');
}

function markdownTable({ columns, rows }: Table): string {
  return tableOf(columns, rows);
}

function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, asked, measured, unit, isMet }) => [
    name,
    withUnit(asked, unit),
    withUnit(shown(measured), unit),
    isMet ? 'yes' : '**no**',
  ]);
  return tableOf(['figure', 'asked', 'measured', 'met'], rows);
}

function tableOf(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const align = columns.map((_, column) => (rows.every((row) => typeof row[column] === 'number') ? '---:' : '---'));
  return [line(columns), line(align), ...rows.map((row) => line(row.map(shown)))].join('\n');
}
