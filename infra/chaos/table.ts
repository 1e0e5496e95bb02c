import type { ChaosReport, Round } from './chaos.ts';
import type { Verdict } from './verdict.ts';

const DIGEST_SHOWN = 12;

/** One round as a line. */
export function roundLine({ round, victim, seconds, acknowledged }: Round): string {
  const { readings, orders, reports } = acknowledged;
  return `round ${round}: ${victim} killed, all well after ${seconds.toFixed(1)} s (acknowledged so far: ${readings} readings, ${orders} orders, ${reports} reports)`;
}

/** What was counted as text: a row per kind, and everything that should not be, by name. */
export function verdictText({ tallies, wrong }: Verdict): string {
  const rows = tallies.map(({ kind, acknowledged, recorded, lost, doubled }) =>
    [kind, acknowledged, recorded, lost.length, doubled.length].map(String),
  );
  return [
    ...table(['', 'acknowledged', 'in the log', 'lost', 'doubled'], rows),
    ...tallies.flatMap(({ kind, lost }) => lost.map((key) => `lost, ${kind}: ${key}`)),
    ...tallies.flatMap(({ kind, doubled }) => doubled.map((key) => `doubled, ${kind}: ${key}`)),
    ...wrong.map((sentence) => `wrong: ${sentence}`),
  ].join('\n');
}

/** Recoveries and read models as text, and in the last line what everything comes to. */
export function reportText({ rounds, verdict, rebuilt, rebuildSeconds }: ChaosReport): string {
  const recoveries = rounds.map(({ round, victim, seconds }) => [String(round), victim, `${seconds.toFixed(1)} s`]);
  const models = rebuilt.map(({ name, documents, before, after }) => [
    name,
    String(documents),
    before.slice(0, DIGEST_SHOWN),
    after === before ? 'the same' : after.slice(0, DIGEST_SHOWN),
  ]);
  const lost = sum(verdict.tallies.map((tally) => tally.lost.length));
  const doubled = sum(verdict.tallies.map((tally) => tally.doubled.length));
  const differing = rebuilt.filter(({ before, after }) => before !== after).length;
  return [
    ...table(['round', 'victim', 'well again after'], recoveries),
    '',
    ...table(['read model', 'documents', 'digest before', 'rebuilt'], models),
    '',
    `${rounds.length} rounds: lost ${lost}, doubled ${doubled}, wrong ${verdict.wrong.length}; ` +
      `${rebuilt.length} read models dropped and rebuilt in ${rebuildSeconds.toFixed(1)} s, ${differing} differ`,
  ].join('\n');
}

/** A table as Markdown writes it, which people can read too. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
