import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { excerptsIn, missingFrom } from './doc-excerpts.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');
const pages = globSync('docs/*.md', { cwd: root });

describe.each(pages)('%s', (page) => {
  const { excerpts, rotten } = excerptsIn(textOf(page));

  test('quotes files as they are', () => {
    const wrong = excerpts.flatMap(({ path, line, text }) => {
      if (!existsSync(join(root, path))) return [`${page}:${line} there is no ${path}`];
      const missing = missingFrom(textOf(path), text);
      return missing === undefined ? [] : [`${page}:${line} ${path} does not say:\n${missing}`];
    });
    expect([...rotten.map(({ line, message }) => `${page}:${line} ${message}`), ...wrong]).toEqual([]);
  });

  test('leads to files that are there', () => {
    const targets = [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => target);
    expect(targets.filter((target) => !existsSync(join(root, 'docs', target)))).toEqual([]);
  });
});

test('the page that teaches quotes files of every part', () => {
  const { excerpts } = excerptsIn(textOf('docs/event-sourcing.md'));
  const areas = new Set(excerpts.map(({ path }) => path.split('/', 1)[0]));
  expect([...areas].toSorted()).toEqual(['contracts', 'infra', 'projections', 'services']);
  expect(excerpts.length).toBeGreaterThan(10);
});

describe('a quotation', () => {
  const file = 'a();\nfunction b() {\n  c();\n\n  if (d) {\n    e();\n  }\n}\n';

  test('may be indented otherwise as a whole, and leave lines out', () => {
    expect(missingFrom(file, 'if (d) {\n  e();\n}')).toBeUndefined();
    expect(missingFrom(file, 'function b() {\n…\n  if (d) {\n    e();')).toBeUndefined();
    expect(missingFrom(file, '  c();\n\n  if (d) {')).toBeUndefined();
  });

  test('is rotten when a word, a line, the indentation or the order is another', () => {
    expect(missingFrom(file, 'if (d) {\n  f();\n}')).toBe('if (d) {\n  f();\n}');
    expect(missingFrom(file, 'function b() {\n  if (d) {')).toBeDefined();
    expect(missingFrom(file, 'if (d) {\ne();\n}')).toBeDefined();
    expect(missingFrom(file, 'e();\n…\nc();')).toBe('c();');
    expect(missingFrom('', 'a();')).toBe('a();');
  });

  test('says which file it is from, unless it is something to type', () => {
    const page = '```ts\n// infra/a.ts\na();\n```\n\n```ts\nb();\n```\n```sh\nmake run\n```\n```json\n{}';
    expect(excerptsIn(page)).toEqual({
      excerpts: [{ path: 'infra/a.ts', line: 1, text: 'a();' }],
      rotten: [
        { line: 6, message: 'the first line does not say which file this is from' },
        { line: 12, message: 'the block does not end' },
      ],
    });
  });
});
