import { z } from 'zod';

/** How many checks of a stage passed and failed. */
export interface Count {
  passed: number;
  failed: number;
}

const report = z.object({
  numPassedTests: z.int().min(0),
  numFailedTests: z.int().min(0),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
});

/**
 * Counts a vitest run from its JSON report. A file that could not even be loaded counts as one failed test, and so does
 * a run that ended badly without any failed test: no report, an error outside the tests, or no tests at all.
 * @param text the report, or null when there is none
 */
export function countVitest(text: string | null, exitCode: number): Count {
  const parsed = text === null ? null : parse(text);
  if (parsed === null) return { passed: 0, failed: 1 };
  const unloadable = parsed.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  const failed = parsed.numFailedTests + unloadable.length;
  const endedBadly = exitCode !== 0 || parsed.numPassedTests === 0;
  return { passed: parsed.numPassedTests, failed: failed === 0 && endedBadly ? 1 : failed };
}

/** The sum over all stages. */
export function sum(counts: Count[]): Count {
  return counts.reduce(
    (total, count) => ({ passed: total.passed + count.passed, failed: total.failed + count.failed }),
    { passed: 0, failed: 0 },
  );
}

/** The last line of `make test`: `N passed, N failed`. */
export function summaryLine(count: Count): string {
  return `${count.passed} passed, ${count.failed} failed`;
}

function parse(text: string): z.infer<typeof report> | null {
  try {
    return report.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
