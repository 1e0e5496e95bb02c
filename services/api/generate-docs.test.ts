import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entities } from '@stratum/contracts/subjects.ts';
import { expect, test } from 'vitest';
import { generatedDocs } from './generate-docs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = await generatedDocs();

test.each([...docs])('%s is as generated: run `node services/api/generate-docs.ts`', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});

test('no schema is published that there is not', () => {
  const published = readdirSync(join(root, 'contracts/docs/schemas')).map((name) => `contracts/docs/schemas/${name}`);
  expect(published.filter((path) => !docs.has(path))).toEqual([]);
});

test('every route of the catalogue is described, with a summary and a tag', () => {
  const { paths } = JSON.parse(docs.get('contracts/docs/openapi.json') ?? '');
  const routes = Object.entries<Record<string, { summary?: string; tags?: string[] }>>(paths).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { summary, tags }]) => ({ route: `${method} ${path}`, summary, tags })),
  );
  expect(routes.filter(({ summary, tags }) => summary === undefined || tags?.length !== 1)).toEqual([]);
  expect(routes.map(({ route }) => route)).toEqual(
    expect.arrayContaining([
      'post /api/auth/register',
      'post /api/auth/login',
      'post /api/orders',
      'get /api/events',
      'get /api/live',
    ]),
  );
});

test('the messages of every entity, every reference of which leads somewhere, are described', () => {
  const document = JSON.parse(docs.get('contracts/docs/asyncapi.json') ?? '');
  expect(Object.keys(document.channels)).toEqual(
    expect.arrayContaining([...entities, 'telemetry', 'instructions', 'live_orders']),
  );
  const references = JSON.stringify(document).matchAll(/"\$ref":"(#|\.)\/([^"]+)"/g);
  for (const [, kind, path = ''] of references) {
    if (kind === '.') expect(docs.has(`contracts/docs/${path}`), path).toBe(true);
    else
      expect(
        path.split('/').reduce((part, key) => part?.[key], document),
        path,
      ).toBeDefined();
  }
});
