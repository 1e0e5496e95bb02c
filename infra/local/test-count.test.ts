import { expect, test } from 'vitest';
import { countVitest, sum, summaryLine } from './test-count.ts';

const report = (passed: number, failed: number, files: { status: string; assertionResults: unknown[] }[] = []) =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, testResults: files });

test('passed and failed tests are counted', () => {
  expect(countVitest(report(12, 0), 0)).toEqual({ passed: 12, failed: 0 });
  expect(countVitest(report(12, 3), 1)).toEqual({ passed: 12, failed: 3 });
});

test('a file that cannot be loaded is one failure', () => {
  const files = [
    { status: 'failed', assertionResults: [] },
    { status: 'passed', assertionResults: [{}] },
  ];
  expect(countVitest(report(1, 0, files), 1)).toEqual({ passed: 1, failed: 1 });
});

test('a run that ends badly fails even when no test did', () => {
  expect(countVitest(report(12, 0), 1)).toEqual({ passed: 12, failed: 1 });
  expect(countVitest(report(0, 0), 0)).toEqual({ passed: 0, failed: 1 });
  expect(countVitest(null, 0)).toEqual({ passed: 0, failed: 1 });
  expect(countVitest('{"numPassed', 0)).toEqual({ passed: 0, failed: 1 });
});

test('all stages add up to one line', () => {
  const total = sum([
    { passed: 1, failed: 0 },
    { passed: 40, failed: 2 },
  ]);
  expect(summaryLine(total)).toBe('41 passed, 2 failed');
  expect(summaryLine(sum([]))).toBe('0 passed, 0 failed');
});
