import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readSettings } from '../config.ts';
import { say } from '../local/progress.ts';
import { runMain } from '../shutdown.ts';
import { isProven, runChaos } from './chaos.ts';
import { reportText, roundLine, verdictText } from './table.ts';

/** Each process three times where the database is one process, or nearly so where it is two. */
const ROUNDS = 24;
const ROUNDS_MAX = 10_000;

const settings = {
  ROUNDS: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1)
    .max(ROUNDS_MAX)
    .default(ROUNDS)
    .describe('how many times something is killed'),
  SEED: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .default(1)
    .describe('decides who is killed when'),
  WORKERS: z
    .enum(['1', '2'], 'must be 1 or 2')
    .default('1')
    .describe('2: a second worker does the same work at the same time'),
};

/**
 * `make chaos`: kills each process of a plant in turn under load, in a temporary folder, and counts what was lost or doubled.
 * The report goes to stdout; exit code 1 when anything is not as it should be, and then the plant's data and logs stay.
 */
await runMain(async () => {
  const { ROUNDS: rounds, SEED: seed, WORKERS: workers } = readSettings(settings, process.env);
  const dataFolder = await mkdtemp(join(tmpdir(), 'stratum-chaos-'));
  say(`a plant is started in ${dataFolder} and killed ${rounds} times (SEED=${seed}, WORKERS=${workers})`);
  let isWell = false;
  try {
    const report = await runChaos({
      rounds,
      seed,
      workers: workers === '2' ? 2 : 1,
      dataFolder,
      onRound: (round) => say(roundLine(round)),
      onVerdict: (verdict) => process.stdout.write(`\n${verdictText(verdict)}\n\n`),
    });
    isWell = isProven(report);
    process.stdout.write(`${reportText(report)}\n`);
  } finally {
    process.exitCode = isWell ? 0 : 1;
    if (isWell) await rm(dataFolder, { recursive: true, force: true });
    else say(`data and logs of the plant are in ${dataFolder}`);
  }
});
