import type { ChaosReport, Round } from './chaos.ts';
import { faultInWords, type Kind } from './faults.ts';
import { isSame } from './read-models.ts';
import type { Verdict } from './verdict.ts';

const DIGEST_SHOWN = 12;
const KINDS: readonly Kind[] = ['kill', 'freeze', 'cut', 'disk full'];

/** One round as a line. */
export function roundLine({ round, faults, seconds, acknowledged }: Round, of: number): string {
  const { readings, orders, reports } = acknowledged;
  const what = faults.map(faultInWords).join(' and ');
  return `round ${round} of ${of}: ${what}; all well ${seconds.toFixed(1)} s later (acknowledged so far: ${readings} readings, ${orders} orders, ${reports} reports)`;
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

/** Faults and read models as text, and in the last line what everything comes to. */
export function reportText(report: ChaosReport): string {
  const { rounds, verdict, rebuilt, rebuildSeconds, repeatedInstructions, noDisks } = report;
  const models = rebuilt.map(({ name, documents, before, after, folded }) => [
    name,
    String(documents),
    before.slice(0, DIGEST_SHOWN),
    ...[after, folded].map((digest) => (digest === before ? 'the same' : digest.slice(0, DIGEST_SHOWN))),
  ]);
  const lost = sum(verdict.tallies.map((tally) => tally.lost.length));
  const doubled = sum(verdict.tallies.map((tally) => tally.doubled.length));
  const differing = rebuilt.filter((one) => !isSame(one)).length;
  return [
    ...matrix(rounds),
    ...(noDisks === undefined ? [] : ['', `No disk was filled: ${noDisks}`]),
    '',
    ...table(['read model', 'documents', 'digest', 'dropped and rebuilt', 'folded by the harness'], models),
    '',
    `instructions that reached a floor more than once, and were passed over by it: ${repeatedInstructions}`,
    `${rounds.length} rounds: lost ${lost}, doubled ${doubled}, wrong ${verdict.wrong.length}; ` +
      `${rebuilt.length} read models dropped and rebuilt in ${rebuildSeconds.toFixed(1)} s, ${differing} differ`,
  ].join('\n');
}

/**
 * How often each victim had each fault, and after how many seconds from its end all was well again: the median and the
 * longest. Rounds of two faults count for both victims; what they took stands in a row of its own.
 */
export function matrix(rounds: readonly Round[]): string[] {
  const victims = [...new Set(rounds.flatMap(({ faults }) => faults.map(({ victim }) => victim)))].sort();
  const rows = victims.map((victim) => [
    victim,
    ...KINDS.map((kind) => {
      const its = rounds.filter(({ faults }) => faults.some((one) => one.victim === victim && one.kind === kind));
      return cell(
        its.length,
        its.filter(({ faults }) => faults.length === 1),
      );
    }),
  ]);
  const two = rounds.filter(({ faults }) => faults.length > 1);
  return [
    ...table(['well again after', ...KINDS], rows),
    `two faults at once: ${cell(two.length, two)}; all: ${cell(rounds.length, rounds)}`,
  ];
}

/** `6×: 2.1, at most 5.3 s` */
function cell(count: number, timed: readonly Round[]): string {
  if (count === 0) return '';
  const seconds = timed.map((round) => round.seconds).sort((one, other) => one - other);
  const middle = seconds[Math.floor(seconds.length / 2)];
  if (middle === undefined) return `${count}×`;
  return `${count}×: ${middle.toFixed(1)}, at most ${Math.max(...seconds).toFixed(1)} s`;
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
