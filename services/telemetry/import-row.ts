import type { TwinDefinition } from '@stratum/contracts/twin/twin.ts';
import { type Column, columnsOf, definitionOf, type ImportMap, ImportMapError } from './import-map.ts';
import { type ClaimedReading, type Refusal, refusal } from './reading.ts';

/** What one row of a recording says, or why it says nothing. `skipped`: a row of a twin the map does not want. */
export type RowVerdict =
  | { kind: 'claimed'; definition: TwinDefinition; reading: ClaimedReading & { observedAt: string } }
  | { kind: 'skipped' }
  | Refusal;

/** Reads the rows of one file; keeps nothing but the twins it has met, at most {@link TWINS_MAX}. */
export type RowReader = (cells: readonly string[]) => RowVerdict;

/** More twins than this in one file are a mistake in the map, an id column that is a measurement for example. */
export const TWINS_MAX = 10_000;

/**
 * Prepares reading the rows of a file by a map. `names` are the file's header, or `undefined` if it has none; `width` is
 * the number of columns.
 * @throws ImportMapError naming each column the file does not have
 */
export function rowReader(map: ImportMap, names: readonly string[] | undefined, width: number): RowReader {
  const indexOf = (column: Column) => (typeof column === 'number' ? column - 1 : (names?.indexOf(column) ?? -1));
  const missing = columnsOf(map).filter(({ column }) => indexOf(column) < 0 || indexOf(column) >= width);
  if (missing.length > 0) throw new ImportMapError(missing.map((one) => missingColumn(one, names, width)));

  const { time, twins, decimal } = map;
  const idIndex = 'idColumn' in twins ? indexOf(twins.idColumn) : undefined;
  const only = 'idColumn' in twins && twins.only !== undefined ? new Set(twins.only) : undefined;
  const timeIndex = indexOf(time.column);
  const parameters = map.parameters.map(({ column, parameter }) => ({ index: indexOf(column), key: parameter.key }));
  const definitions = new Map<string, TwinDefinition | undefined>();

  return (cells) => {
    const rowId = idIndex === undefined ? '' : (cells[idIndex] ?? '').trim();
    if (only !== undefined && !only.has(rowId)) return { kind: 'skipped' };
    const definition = known(rowId);
    if (definition === undefined) return refusal('UnknownTwin', 'twins.idColumn', `holds "${rowId}", which is no id`);
    const observedAt = instantOf(time, cells[timeIndex] ?? '');
    if (observedAt === undefined)
      return refusal('BadShape', 'time', `holds "${cells[timeIndex] ?? ''}", which is no time`);
    const values: Record<string, number> = {};
    for (const { index, key } of parameters) {
      const text = (cells[index] ?? '').trim();
      if (isNothing(text)) continue;
      const value = numberOf(text, decimal);
      if (value === undefined) return refusal('BadShape', `values.${key}`, `holds "${text}", which is no number`);
      values[key] = value;
    }
    if (Object.keys(values).length === 0) return refusal('BadShape', 'values', 'holds nothing at all');
    return { kind: 'claimed', definition, reading: { observedAt, values } };
  };

  function known(rowId: string): TwinDefinition | undefined {
    if (definitions.has(rowId)) return definitions.get(rowId);
    if (definitions.size >= TWINS_MAX) {
      throw new ImportMapError([
        `twins.idColumn: has more than ${TWINS_MAX} different values; is it the right column?`,
      ]);
    }
    const definition = definitionOf(map, rowId);
    definitions.set(rowId, definition);
    return definition;
  }
}

function missingColumn(
  { path, column }: { path: (string | number)[]; column: Column },
  names: readonly string[] | undefined,
  width: number,
): string {
  const has = names === undefined || typeof column === 'number' ? `${width} columns` : names.slice(0, 50).join(', ');
  return `${path.join('.')}: the file has no column ${JSON.stringify(column)}; it has ${has}`;
}

/** Empty cells and the usual words for a missing value; the reading then goes without that parameter. */
function isNothing(text: string): boolean {
  return text === '' || /^(nan|na|n\/a|null|none|-)$/i.test(text);
}

function numberOf(text: string, decimal: ImportMap['decimal']): number | undefined {
  const number = Number(decimal === ',' ? text.replace(',', '.') : text);
  return Number.isFinite(number) ? number : undefined;
}

/** The latest instant ISO 8601 can write with four digits of the year. */
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

function instantOf(time: ImportMap['time'], text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const epochMs = epochMsOf(time, trimmed);
  return epochMs >= 0 && epochMs <= LAST_MS ? new Date(epochMs).toISOString() : undefined;
}

function epochMsOf(time: ImportMap['time'], text: string): number {
  switch (time.unit) {
    case 'iso':
      return isoMs(text);
    case 'epochSeconds':
      return Math.round(Number(text) * 1000);
    case 'epochMilliseconds':
      return Math.round(Number(text));
    case 'cycle':
      return Date.parse(time.start) + Math.round(Number(text) * time.stepSeconds * 1000);
  }
}

/** `2020-03-09T10:14:33.5+02:00`, with a blank for the T, without an offset (UTC then), or a date alone. */
function isoMs(text: string): number {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  if (match === null) return Number.NaN;
  const [, day, clock = '00:00', offset = 'Z'] = match;
  return Date.parse(`${day}T${clock}${offset}`);
}
