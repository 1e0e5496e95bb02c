import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { roleOf, violationsIn } from './import-rules.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const webPackages = Object.keys(JSON.parse(readFileSync(join(root, 'web/package.json'), 'utf8')).dependencies);

const found = (path: string, text: string) => violationsIn({ path, text }, webPackages).map(({ message }) => message);

test('every file keeps the rules', () => {
  const paths = globSync('{contracts,infra,services,projections,web}/**/*.{ts,svelte}', {
    cwd: root,
    exclude: (path) => /node_modules|dist|\.d\.ts$/.test(path),
  });
  expect(paths.length).toBeGreaterThan(50);
  const violations = paths.flatMap((path) =>
    violationsIn({ path, text: readFileSync(join(root, path), 'utf8') }, webPackages),
  );
  expect(violations.map(({ path, line, message }) => `${path}:${line} ${message}`)).toEqual([]);
});

test.each([
  ['contracts/order/order.ts', 'contracts'],
  ['services/order/order.ts', 'pure'],
  ['services/order/order.routes.ts', 'shell'],
  ['services/twin/seed.ts', 'shell'],
  ['services/api/app.ts', 'wiring'],
  ['services/simulator/main.ts', 'wiring'],
  ['projections/all.ts', 'wiring'],
  ['projections/orders/orders.ts', 'pure'],
  ['infra/http/app.ts', 'infra'],
  ['infra/testing/nats.ts', 'test'],
  ['web/src/App.svelte', 'web'],
  ['services/order/order.test.ts', 'test'],
])('%s is %s', (path, role) => {
  expect(roleOf(path)).toBe(role);
});

test.each([
  ['contracts/order/order.ts', "import { z } from 'zod';"],
  ['services/order/order.ts', "import { z } from 'zod';"],
  ['services/order/order.ts', "import { tokenSchema } from '@stratum/contracts/subjects.ts';"],
  ['services/order/order.ts', "import type { Projection } from '@stratum/infra/projector/projection.ts';"],
  ['services/order/order.ts', "import { type A, type B } from '@stratum/infra/x.ts';"],
  ['services/order/order.ts', "import { split } from './split.ts';"],
  ['services/order/order.ts', 'const at = new Date(0); const { process } = work; work.process; type T = typeof fetch;'],
  ['services/order/order.routes.ts', "import mqtt from 'mqtt'; import { order } from './order.ts'; Date.now();"],
  ['services/order/order.reactor.ts', "import type { WorkerDeps } from '../worker/deps.ts';"],
  ['services/api/app.ts', "import { orderRoutes } from '../order/order.routes.ts';"],
  ['infra/http/app.ts', "import { positionSchema } from '@stratum/contracts/envelope.ts'; import mqtt from 'mqtt';"],
  ['infra/http/app.ts', "// in order\nconst message = 'ends in order'; const ordered = 1; const order = [2];"],
  [
    'web/src/App.svelte',
    "<script lang=\"ts\">import { mount } from 'svelte'; import 'uplot/dist/uPlot.min.css';</script>",
  ],
  ['services/order/order.test.ts', "import { connect } from '@nats-io/transport-node';"],
])('%s may: %s', (path, text) => {
  expect(found(path, text)).toEqual([]);
});

test.each([
  ['contracts/order/order.ts', "import { x } from '@stratum/infra/x.ts';", 'the contracts know nothing but themselves'],
  ['contracts/order/order.ts', "import { hash } from 'node:crypto';", 'the contracts use zod only, not node:crypto'],
  ['contracts/order/order.ts', "export * from 'fastify';", 'the contracts use zod only, not fastify'],
  [
    'services/order/order.ts',
    "import { handle } from '@stratum/infra/x.ts';",
    'pure code may name types of the machinery, not use it',
  ],
  ['services/order/order.ts', "import { readFile } from 'node:fs';", 'pure code uses no library but zod, not node:fs'],
  [
    'services/order/order.ts',
    "const x = await import('@nats-io/kv');",
    'pure code uses no library but zod, not @nats-io/kv',
  ],
  ['services/order/order.ts', "import { x } from './order.routes.ts';", 'pure code does not use order.routes.ts'],
  ['services/order/order.ts', 'const a = Date.now();', 'pure code does not call Date.now: it comes with the command'],
  [
    'services/order/order.ts',
    'const a = Math.random();',
    'pure code does not call Math.random: it comes with the command',
  ],
  [
    'services/order/order.ts',
    'const a = new Date();',
    'pure code does not ask for the time: it comes with the command',
  ],
  ['services/order/order.ts', 'const a = process.env.A;', 'pure code does not use process'],
  ['services/order/order.ts', 'crypto.randomUUID();', 'pure code does not use crypto'],
  [
    'projections/orders/orders.ts',
    "import { x } from '../reports/reports.ts';",
    'slices talk by events, not by importing projections/reports',
  ],
  [
    'services/order/order.reactor.ts',
    "import { x } from '../job/job.ts';",
    'slices talk by events, not by importing services/job',
  ],
  [
    'services/order/order.reactor.ts',
    "import { x } from '@stratum/services/job/job.ts';",
    'slices talk by events, not by importing services/job',
  ],
  [
    'services/order/order.reactor.ts',
    "import { startNats } from '@stratum/infra/testing/nats.ts';",
    'infra/testing/nats.ts is for tests',
  ],
  [
    'projections/orders/orders.routes.ts',
    "import { x } from '@stratum/services/order/order.ts';",
    'slices talk by events, not by importing services/order',
  ],
  ['services/api/app.ts', "import { x } from '@stratum/web/src/api.ts';", 'the page is served, not imported'],
  [
    'infra/http/app.ts',
    "import { x } from '@stratum/services/order/order.ts';",
    'machinery knows no service, no read model and no page',
  ],
  [
    'infra/http/app.ts',
    "import { x } from '@stratum/contracts/alert/alert.ts';",
    'machinery does not speak contracts/alert/alert.ts',
  ],
  ['infra/http/app.ts', 'const orderId = 1;', 'machinery never says "order_id"'],
  ['infra/http/app.ts', "const path = '/api/orders';", 'machinery never says "orders"'],
  [
    'web/src/App.svelte',
    "<p>x</p>\n<script>import { x } from '@stratum/infra/x.ts';</script>",
    'the page knows the contracts alone',
  ],
  ['web/src/api.ts', "import fastify from 'fastify';", 'the page does not use fastify'],
])('%s may not: %s', (path, text, message) => {
  expect(found(path, text)).toEqual([message]);
});

test('a violation in a component is told by its line', () => {
  const text = "<p>\nx</p>\n<script>\nimport fs from 'node:fs';\n</script>";
  expect(violationsIn({ path: 'web/src/App.svelte', text }, webPackages)).toEqual([
    { path: 'web/src/App.svelte', line: 4, message: 'the page does not use node:fs' },
  ]);
});
