import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { parseImportMap } from './import-map.ts';
import { rowReader } from './import-row.ts';

const example = new URL('../../docs/examples/cmapss-fd001/', import.meta.url);
const HEALTHY_CYCLES = 50;

test('the limits of the C-MAPSS example are mean ± 3 σ of the first 50 cycles of its five engines', () => {
  const map = parseImportMap(readFileSync(new URL('map.json', example), 'utf8'));
  const text = gunzipSync(readFileSync(new URL('train_FD001_engines_1-5.txt.gz', example))).toString();
  const rows = text
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const read = rowReader(map, undefined, rows[0]?.length ?? 0);
  const healthy = rows.filter(([, cycle]) => Number(cycle) <= HEALTHY_CYCLES).map(read);
  expect(healthy).toHaveLength(5 * HEALTHY_CYCLES);

  for (const { parameter } of map.parameters) {
    const { key, limits } = parameter;
    const values = healthy.map((row) =>
      row.kind === 'claimed' ? (row.reading.values[key] ?? Number.NaN) : Number.NaN,
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const sigma = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    const [low, high] = [mean - 3 * sigma, mean + 3 * sigma];
    // The map rounds to at most a hundredth of the band, or a step of the sensor.
    const rounding = Math.max((high - low) / 50, 0.00005);
    expect(Math.abs(limits.low - low), `low of ${key}`).toBeLessThan(rounding);
    expect(Math.abs(limits.high - high), `high of ${key}`).toBeLessThan(rounding);
    expect(Math.abs(limits.deadband - 3 * sigma), `deadband of ${key}`).toBeLessThan(rounding);
  }
});
