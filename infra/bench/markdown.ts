import { type Figure, type KeptFindings, shown, type Table, withUnit } from './figures.ts';

/** Finds `<!-- bench:append -->` … `<!-- /bench:append -->`. */
const BLOCK = /<!-- bench:([a-z-]+) -->\n[\s\S]*?<!-- \/bench:\1 -->/g;

/** The block with the figures of all others. */
const ALL = 'all';

/** The page with each block replaced by the findings of its name, where there are any; `filled` names those blocks. */
export function filledIn(
  page: string,
  findingsOf: (name: string) => KeptFindings | undefined,
): { text: string; filled: string[] } {
  const known = new Map<string, KeptFindings>();
  for (const [, name = ''] of page.matchAll(BLOCK)) {
    const findings = name === ALL ? undefined : findingsOf(name);
    if (findings !== undefined) known.set(name, findings);
  }
  const text = page.replaceAll(BLOCK, (block, name: string) => {
    const findings = known.get(name);
    const content = findings === undefined ? name === ALL && summaryOf([...known.values()]) : blockOf(findings);
    return content ? `<!-- bench:${name} -->\n${content}\n<!-- /bench:${name} -->` : block;
  });
  return { text, filled: [...known.keys()] };
}

function summaryOf(all: readonly KeptFindings[]): string {
  const figures = all.flatMap((findings) => findings.figures);
  const met = figures.filter(({ isMet }) => isMet).length;
  return figures.length === 0 ? '' : `${figureTable(figures)}\n\n${met} of ${figures.length} figures met.`;
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
