import { expect, it } from 'vitest';
import { atLeast, type KeptFindings } from './figures.ts';
import { filledIn } from './markdown.ts';

const findings: KeptFindings = {
  name: 'append',
  how: 'Appends in turn.',
  command: 'make bench-append',
  versions: { 'nats-server': '2.15.1' },
  tables: [{ title: 'Appending', columns: ['way', 'events/s'], rows: [['ours', 12_345.6]] }],
  figures: [atLeast('append', 0.8, 0.5, '×')],
  measuredAt: '2026-11-25T01:00:00.000Z',
  machine: { cpu: 'A CPU', cores: 2, memoryGiB: 24, system: 'Linux', loadBefore: 0.5 },
};
const page =
  'Before.\n\n<!-- bench:append -->\nold\n<!-- /bench:append -->\n\n<!-- bench:fleet -->\nkept\n<!-- /bench:fleet -->\n';

it('puts into a page what was measured, and leaves what was not', () => {
  const { text, filled } = filledIn(page, (name) => (name === 'append' ? findings : undefined));
  expect(filled).toEqual(['append']);
  expect(text).toBe(`Before.

<!-- bench:append -->
Appends in turn.

| way | events/s |
| --- | ---: |
| ours | 12,346 |

| figure | asked | measured | met |
| --- | --- | --- | --- |
| append | ≥ 0.8× | 0.5× | **no** |

\`make bench-append\` on 2026-11-25: A CPU, 2 cores, 24 GiB, Linux, nats-server 2.15.1. Before it, 0.5 processes wanted a core.
<!-- /bench:append -->

<!-- bench:fleet -->
kept
<!-- /bench:fleet -->
`);
});

it('gives the same page when it is filled twice', () => {
  const once = filledIn(page, () => findings).text;
  expect(filledIn(once, () => findings).text).toBe(once);
});

it('gathers the figures of all parts', () => {
  const { text } = filledIn(`<!-- bench:all -->\n<!-- /bench:all -->\n${page}`, () => findings);
  expect(text).toContain(
    '| append | ≥ 0.8× | 0.5× | **no** |\n| append | ≥ 0.8× | 0.5× | **no** |\n\n0 of 2 figures met.\n<!-- /bench:all -->',
  );
});
