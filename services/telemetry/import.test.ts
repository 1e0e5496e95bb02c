import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTable } from './import-file.gateway.ts';
import { definitionOf, type ImportMap, ImportMapError, parseImportMap } from './import-map.ts';
import { beginTally, leadOf, noteRefusal, progressLine, reportOf } from './import-report.ts';
import { rowReader } from './import-row.ts';
import { refusal } from './reading.ts';

const engine = {
  delimiter: 'whitespace',
  header: false,
  twinType: 'turbofan',
  twins: { idColumn: 1, prefix: 'fd001-', name: 'Engine' },
  time: { column: 2, unit: 'cycle', start: '2025-01-01T00:00:00Z', stepSeconds: 3600 },
  parameters: [{ column: 3, key: 'fanSpeed', name: 'Fan speed', unit: 'rpm', low: 2000, high: 2400 }],
};
const pump = {
  twinType: 'pump',
  twins: { id: 'pump1' },
  time: { column: 'when', unit: 'iso' },
  parameters: [{ column: 'p', key: 'pressure', name: 'Pressure', unit: 'bar', low: 1, high: 9, onDelaySeconds: 20 }],
};
const mapOf = (map: object): ImportMap => parseImportMap(JSON.stringify(map));
const mistakesOf = (attempt: () => unknown): string[] => {
  try {
    attempt();
  } catch (error) {
    if (error instanceof ImportMapError) return error.mistakes;
    throw error;
  }
  return [];
};

describe('a map', () => {
  test('describes twins of a type of their own, with the limits it gives', () => {
    const definition = definitionOf(mapOf(engine), '7');
    expect(definition).toMatchObject({
      twinId: 'fd001-7',
      name: 'Engine 7',
      twinType: 'turbofan',
      valueStream: 'Other',
      site: 'main',
      reportingPeriodSeconds: 3600,
    });
    expect(definitionOf(mapOf(pump), '')?.parameters[0]?.limits).toEqual({
      ...{ low: 1, high: 9, deadband: 0, onDelaySeconds: 20, offDelaySeconds: 0, priority: 2 },
    });
    expect(definitionOf(mapOf(engine), 'not an id')).toBeUndefined();
  });
  test('that is wrong names every field that is', () => {
    const wrong = {
      ...engine,
      twinType: 'Turbo Fan',
      time: { ...engine.time, column: 'cycle' },
      parameters: [{ ...engine.parameters[0], high: 1000, unit: 5, colour: 'red' }],
    };
    expect(mistakesOf(() => mapOf(wrong))).toEqual([
      'parameters.0.unit: Invalid input: expected string, received number',
      'parameters.0: Unrecognized key: "colour"',
    ]);
    const subtler = { ...wrong, parameters: [{ ...engine.parameters[0], key: 'fan speed', high: 1000 }] };
    expect(mistakesOf(() => mapOf(subtler))).toEqual([
      'parameters.0.high: must be above low',
      'parameters.0.deadband: must be smaller than high - low',
      'parameters.0.key: letters and digits only, first a letter, at most 24',
    ]);
    expect(mistakesOf(() => mapOf({ ...wrong, parameters: engine.parameters }))).toEqual([
      'time.column: must be a number: the file has no header',
      'twinType: lower-case letters, digits and - only',
    ]);
    expect(mistakesOf(() => parseImportMap('{'))[0]).toMatch(/^is not JSON/);
  });
  test('that asks for a column the file does not have says which there are', () => {
    expect(mistakesOf(() => rowReader(mapOf(pump), ['when', 'pressure'], 2))).toEqual([
      'parameters.0.column: the file has no column "p"; it has when, pressure',
    ]);
    expect(mistakesOf(() => rowReader(mapOf(engine), undefined, 2))).toEqual([
      'parameters.0.column: the file has no column 3; it has 2 columns',
    ]);
  });
});

describe('a row', () => {
  test('is a claim about the twin its id column names, observed when its cycle was', () => {
    const read = rowReader(mapOf(engine), undefined, 3);
    expect(read(['7', '24', '2388.06'])).toMatchObject({
      kind: 'claimed',
      definition: { twinId: 'fd001-7' },
      reading: { observedAt: '2025-01-02T00:00:00.000Z', values: { fanSpeed: 2388.06 } },
    });
  });
  test('of a twin that is not wanted is skipped', () => {
    const read = rowReader(mapOf({ ...engine, twins: { ...engine.twins, only: [1, '2'] } }), undefined, 3);
    expect(['1', '2', '3'].map((id) => read([id, '1', '2388']).kind)).toEqual(['claimed', 'claimed', 'skipped']);
  });
  test('without a number, a time or an id is refused with the field', () => {
    const read = rowReader(mapOf(engine), undefined, 3);
    expect(read(['7', '24', 'fast'])).toMatchObject({ reason: 'BadShape', field: 'values.fanSpeed' });
    expect(read(['7', '24', 'NaN'])).toMatchObject({ reason: 'BadShape', field: 'values' });
    expect(read(['7', 'x', '1'])).toMatchObject({ reason: 'BadShape', field: 'time' });
    expect(read(['7'])).toMatchObject({ reason: 'BadShape', field: 'time' });
    expect(read(['a b', '1', '1'])).toMatchObject({ reason: 'UnknownTwin', field: 'twins.idColumn' });
  });
  test.each([
    ['iso', '2020-03-09 10:14:33', '2020-03-09T10:14:33.000Z'],
    ['iso', '2020-03-09T10:14:33.5+02:00', '2020-03-09T08:14:33.500Z'],
    ['iso', '2020-03-09', '2020-03-09T00:00:00.000Z'],
    ['epochSeconds', '1583748873.25', '2020-03-09T10:14:33.250Z'],
    ['epochMilliseconds', '1583748873000', '2020-03-09T10:14:33.000Z'],
  ])('tells its time as %s %s', (unit, text, observedAt) => {
    const read = rowReader(mapOf({ ...pump, time: { column: 'when', unit } }), ['when', 'p'], 2);
    expect(read([text, '5'])).toMatchObject({ reading: { observedAt } });
  });
  test('may write its numbers with a comma', () => {
    const read = rowReader(mapOf({ ...pump, delimiter: ';', decimal: ',' }), ['when', 'p'], 2);
    expect(read(['2020-03-09', '5,25'])).toMatchObject({ reading: { values: { pressure: 5.25 } } });
  });
});

describe('a file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stratum-import-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function cellsOf(content: string | Uint8Array, delimiter: string): Promise<string[][]> {
    const path = join(folder, 'recording');
    await writeFile(path, content);
    const table = await openTable(path, { delimiter });
    const rows: string[][] = [];
    for await (const row of table.rows) rows.push(row);
    expect(table.bytesRead()).toBe(table.bytesTotal);
    return rows;
  }
  const cells = [
    ['a', 'b'],
    ['1', '2'],
  ];

  test('is read with any delimiter, plain or gzipped, whatever its name', async () => {
    expect(await cellsOf('\ufeffa,b\r\n1,2\r\n\r\n', ',')).toEqual(cells);
    expect(await cellsOf('a;"b"\n1; 2', ';')).toEqual(cells);
    expect(await cellsOf('a\tb\n1\t2\n', '\\t')).toEqual(cells);
    expect(await cellsOf('  a   b\n1\t2  \n\n', 'whitespace')).toEqual(cells);
    expect(await cellsOf(gzipSync('a b\n1 2\n'), 'whitespace')).toEqual(cells);
    expect(await cellsOf(gzipSync('a,b\n1,2\n'), ',')).toEqual(cells);
  });
  test('that is damaged, missing or no file at all is named in a sentence', async () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => `${index} ${Math.sin(index)}`).join('\n');
    const cut = gzipSync(lines).subarray(0, 20_000);
    await expect(cellsOf(cut, 'whitespace')).rejects.toThrow('is damaged or cut off');
    await expect(cellsOf(cut, ' ')).rejects.toThrow('is damaged or cut off');
    await expect(cellsOf('a,"b\n1,2\n', ',')).rejects.toThrow(/Quote/);
    await expect(openTable(join(folder, 'nothing'), { delimiter: ',' })).rejects.toThrow('there is no file');
    await expect(openTable(folder, { delimiter: ',' })).rejects.toThrow('is a folder');
  });
});

describe('a report', () => {
  test('tells how far it is', () => {
    const tally = { ...beginTally(), rows: 12_500 };
    expect(progressLine(tally, 0.5, 5)).toBe(`${'█'.repeat(12)}${'░'.repeat(12)}  50 %  12,500 rows, 2,500 a second`);
  });
  test('counts refused rows by reason and shows the first five', () => {
    const tally = beginTally();
    for (let number = 1; number <= 7; number++) {
      tally.rows = number;
      noteRefusal(tally, refusal('BadShape', 'time', `holds "${number}", which is no time`));
    }
    const lines = reportOf(mapOf(pump), tally, new Map());
    expect(lines[0]).toBe('7 rows read: 0 accepted, 0 already there, 7 refused, 0 of other twins skipped');
    expect(lines[1]).toBe('  refused BadShape: 7');
    expect(lines.filter((line) => line.startsWith('    row '))).toHaveLength(5);
    expect(lines[2]).toBe('    row 1: time holds "1", which is no time');
  });
  test('says how long before the end an alert came, in cycles where the recording counts them, else in hours', () => {
    const [raisedAt, endedAt] = ['2025-01-01T01:00:00Z', '2025-01-01T13:30:00Z'];
    expect(leadOf({ ...mapOf(engine).time }, raisedAt, '2025-01-01T13:00:00Z')).toBe('12 cycles');
    expect(leadOf({ ...mapOf(pump).time }, raisedAt, endedAt)).toBe('12.5 h');
  });
});
