import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import type { RefusalReason } from '@stratum/contracts/telemetry/telemetry.ts';
import type { TwinDefinition } from '@stratum/contracts/twin/twin.ts';
import type { ImportMap } from './import-map.ts';
import { type Refusal, sentenceOf } from './reading.ts';

/** So many refused rows are shown in full; the rest is counted. */
const EXAMPLES_MAX = 5;
/** So many twins get a line of their own in the report. */
const TWINS_SHOWN_MAX = 40;

/** What became of the rows of one twin. `already`: recorded by an import before. */
export type TwinTally = {
  definition: TwinDefinition;
  rows: number;
  accepted: number;
  already: number;
  lastObservedAt: string;
  /** Place in TELEMETRY of its newest reading. */
  lastSequence: number;
};

/** What became of the rows of a recording, so far. */
export type Tally = {
  rows: number;
  /** Rows of twins that the map leaves out. */
  skipped: number;
  refused: Map<RefusalReason, number>;
  /** The first refused rows, in words. */
  examples: string[];
  twins: Map<string, TwinTally>;
};

/** The alerts of one twin so far: how many were raised, and the first of them. */
export type TwinAlerts = { raised: number; first: { raisedAt: string; parameter: string; direction: string } };

/** A tally before the first row. */
export function beginTally(): Tally {
  return { rows: 0, skipped: 0, refused: new Map(), examples: [], twins: new Map() };
}

/** Counts a refused row; it is the one that was read last. */
export function noteRefusal(tally: Tally, refusal: Refusal): void {
  tally.refused.set(refusal.reason, (tally.refused.get(refusal.reason) ?? 0) + 1);
  if (tally.examples.length < EXAMPLES_MAX) tally.examples.push(`row ${tally.rows}: ${sentenceOf(refusal)}`);
}

/** Counts an event of PLANT, if it is an alert raised on one of the twins. Events come in the order of the log. */
export function noteAlert(alerts: Map<string, TwinAlerts>, twins: Tally['twins'], event: PlantEvent): void {
  if (event.type !== 'AlertRaised' || !twins.has(event.data.twinId)) return;
  const { twinId, parameter, direction, raisedAt } = event.data;
  const known = alerts.get(twinId);
  const isFirst = known === undefined || raisedAt < known.first.raisedAt;
  const first = isFirst ? { raisedAt, parameter, direction } : known.first;
  alerts.set(twinId, { raised: (known?.raised ?? 0) + 1, first });
}

const BAR_WIDTH = 24;

/** How far an import is, `share` (0..1) of the file, as one line of text. */
export function progressLine(tally: Tally, share: number, elapsedSeconds: number): string {
  const filled = Math.round(Math.min(1, share) * BAR_WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const percent = `${Math.floor(Math.min(1, share) * 100)} %`.padStart(5);
  const perSecond = count(Math.round(tally.rows / Math.max(elapsedSeconds, 0.001)));
  return `${bar} ${percent}  ${count(tally.rows)} rows, ${perSecond} a second`;
}

/**
 * The closing report, line by line. `alerts` is `undefined` when nobody judged the readings in the time given; with
 * `endOfLife` it says how long before a twin's last row the first alert came.
 */
export function reportOf(map: ImportMap, tally: Tally, alerts: Map<string, TwinAlerts> | undefined): string[] {
  const twins = [...tally.twins.values()];
  const accepted = sum(twins.map((twin) => twin.accepted));
  const already = sum(twins.map((twin) => twin.already));
  const refused = sum([...tally.refused.values()]);
  return [
    `${count(tally.rows)} rows read: ${count(accepted)} accepted, ${count(already)} already there, ` +
      `${count(refused)} refused, ${count(tally.skipped)} of other twins skipped`,
    ...[...tally.refused].map(([reason, number]) => `  refused ${reason}: ${count(number)}`),
    ...tally.examples.map((example) => `    ${example}`),
    ...(alerts === undefined
      ? [`${things(twins.length, 'twin')}; alerts are not known yet: nothing judges readings just now`]
      : alertLines(map, twins, alerts)),
  ];
}

function alertLines(map: ImportMap, twins: TwinTally[], alerts: Map<string, TwinAlerts>): string[] {
  const raised = sum([...alerts.values()].map((one) => one.raised));
  const hidden = twins.length - TWINS_SHOWN_MAX;
  return [
    `${things(twins.length, 'twin')}, ${things(raised, 'alert')} raised`,
    ...table([
      ['twin', 'readings', 'alerts', 'first alert', 'of', ...(map.endOfLife ? ['before the end of life'] : [])],
      ...twins.slice(0, TWINS_SHOWN_MAX).map((twin) => twinCells(map, twin, alerts.get(twin.definition.twinId))),
    ]),
    ...(hidden > 0 ? [`  and ${count(hidden)} more`] : []),
  ];
}

function twinCells(map: ImportMap, twin: TwinTally, alerts: TwinAlerts | undefined): string[] {
  const { definition, lastObservedAt } = twin;
  const readings = count(twin.accepted + twin.already);
  if (alerts === undefined) return [definition.twinId, readings, '0', 'none', '', ...(map.endOfLife ? ['none'] : [])];
  const { raised, first } = alerts;
  const what = definition.parameters.find(({ key }) => key === first.parameter)?.name ?? first.parameter;
  return [
    definition.twinId,
    readings,
    count(raised),
    first.raisedAt.replace('.000Z', 'Z'),
    `${what} ${first.direction}`,
    ...(map.endOfLife ? [leadOf(map.time, first.raisedAt, lastObservedAt)] : []),
  ];
}

const HOUR_MS = 3_600_000;

/** How long before the last row an alert came, in the unit that the recording counts in. */
export function leadOf(time: ImportMap['time'], raisedAt: string, lastObservedAt: string): string {
  const leadMs = Date.parse(lastObservedAt) - Date.parse(raisedAt);
  if (time.unit === 'cycle') return `${count(Math.round(leadMs / 1000 / time.stepSeconds))} cycles`;
  return `${(leadMs / HOUR_MS).toFixed(1)} h`;
}

/** Columns as wide as they must be; numbers stand as they are, because there are few. */
function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => (row[index] ?? '').length)));
  return rows.map((row) => `  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd());
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
const things = (number: number, thing: string): string => `${count(number)} ${thing}${number === 1 ? '' : 's'}`;
const count = (number: number): string => number.toLocaleString('en-US');
