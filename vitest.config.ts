import { defineConfig } from 'vitest/config';

const everywhere = ['contracts', 'services', 'projections', 'infra', 'web'];

/**
 * Three kinds of test, cheapest first: `unit` is pure, `integration` starts real servers on free ports,
 * `browser` starts the whole plant and drives it with Chromium.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: everywhere.map((folder) => `${folder}/**/*.test.ts`),
          exclude: ['**/node_modules/**', '**/*.int.test.ts', 'web/e2e/**'],
        },
      },
      {
        test: {
          name: 'integration',
          include: everywhere.map((folder) => `${folder}/**/*.int.test.ts`),
          exclude: ['**/node_modules/**'],
          globalSetup: 'infra/testing/global-setup.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'browser',
          include: ['web/e2e/**/*.test.ts'],
          globalSetup: 'web/e2e/global-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
