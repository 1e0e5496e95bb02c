import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keptFindings } from './figures.ts';
import { filledIn } from './markdown.ts';

/** Puts what `make bench` measured last on this machine into docs/performance.md; blocks of what was not run stay. */
const file = join(dirname(fileURLToPath(import.meta.url)), '../../docs/performance.md');
const { text, filled } = filledIn(readFileSync(file, 'utf8'), keptFindings);
writeFileSync(file, text);
console.log(`docs/performance.md: ${filled.length === 0 ? 'nothing was measured here yet' : filled.join(', ')}`);
