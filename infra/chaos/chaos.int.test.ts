import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { say } from '../local/progress.ts';
import { isProven, runChaos } from './chaos.ts';
import type { Pair } from './faults.ts';
import { reportText, roundLine, verdictText } from './table.ts';
import { EVERYTHING, STARTER } from './victims.ts';

/** A whole plant is started, made to fail part by part, and its read models computed anew; on a busy machine that takes a while. */
const RUN_MS_MAX = 600_000;
const ROUNDS = 16;
const SECONDS_MAX = 2;

/** Starting the whole plant anew takes as long as all the rest together; `make chaos` does that too. */
const isQuick = ({ victim }: Pair) => victim !== EVERYTHING && victim !== STARTER;

test(`${ROUNDS} rounds of faults under load: nothing lost, nothing doubled, the same read models from the log`, {
  timeout: RUN_MS_MAX,
}, async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'stratum-chaos-'));
  const report = await runChaos({
    ...{
      seed: 32,
      rounds: ROUNDS,
      secondsMax: SECONDS_MAX,
      replicas: 1,
      copies: ['worker'],
      dataFolder,
      isAllowed: isQuick,
    },
    onRound: (round, of) => say(roundLine(round, of)),
    onVerdict: (verdict) => say(verdictText(verdict)),
  });
  say(reportText(report));
  expect(report.rounds).toHaveLength(ROUNDS);
  const kinds = new Set(report.rounds.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
  expect(kinds).toEqual(new Set(['kill', 'freeze', 'cut', ...(report.noDisks === undefined ? ['disk full'] : [])]));
  for (const { acknowledged } of report.verdict.tallies) expect(acknowledged).toBeGreaterThan(0);
  expect(isProven(report)).toBe(true);
  // What failed stays, to be looked at.
  await rm(dataFolder, { recursive: true, force: true });
});
