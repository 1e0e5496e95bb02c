import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

/** Every package that a file needs to start, itself or through the files it imports; what is imported later does not count. */
function packagesOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const { statements } = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  return statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) || statement.importClause?.isTypeOnly) return [];
    const name = ts.isStringLiteral(statement.moduleSpecifier) ? statement.moduleSpecifier.text : '';
    if (name.startsWith('node:')) return [];
    return name.startsWith('.') ? packagesOf(join(dirname(file), name), seen) : [name];
  });
}

test('what fetches the parts while packages are being installed needs none of them', () => {
  expect(packagesOf(join(import.meta.dirname, 'fetch.ts'))).toEqual([]);
  expect(packagesOf(join(import.meta.dirname, 'plant.ts'))).not.toEqual([]);
});
