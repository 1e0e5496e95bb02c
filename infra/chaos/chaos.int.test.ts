import { expect, test } from 'vitest';
import { say } from '../local/progress.ts';
import { isProven, runChaos } from './chaos.ts';
import { reportText, roundLine, verdictText } from './table.ts';
import { EVERYTHING } from './victims.ts';

/** A whole plant is started, killed part by part, and its read models computed anew; on a busy machine that takes a while. */
const RUN_MS_MAX = 480_000;

test('each process killed once under load: nothing lost, nothing doubled, the same read models from the log', {
  timeout: RUN_MS_MAX,
}, async () => {
  const report = await runChaos({
    seed: 1,
    isVictim: (name) => name !== EVERYTHING,
    onRound: (round) => say(roundLine(round)),
    onVerdict: (verdict) => say(verdictText(verdict)),
  });
  say(reportText(report));
  expect(report.rounds.length).toBeGreaterThanOrEqual(7);
  for (const { acknowledged } of report.verdict.tallies) expect(acknowledged).toBeGreaterThan(0);
  expect(isProven(report)).toBe(true);
});
