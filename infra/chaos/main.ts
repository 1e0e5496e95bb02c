import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readSettings } from '../config.ts';
import { say } from '../local/progress.ts';
import { runMain } from '../shutdown.ts';
import { isProven, runChaos } from './chaos.ts';
import { reportText, roundLine, verdictText } from './table.ts';

/** Each fault about five times. */
const ROUNDS = 200;
const ROUNDS_MAX = 10_000;
/** Longer than anybody in the plant waits for an answer, or leaves a lease unsigned. */
const SECONDS_MAX = 8;

const settings = {
  ROUNDS: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(1)
    .max(ROUNDS_MAX)
    .default(ROUNDS)
    .describe('how many times something is made to fail'),
  MINUTES: z.coerce
    .number('must be a number')
    .positive('must be above 0')
    .optional()
    .describe('no round begins later than so many minutes after the first'),
  SEED: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .default(1)
    .describe('decides who fails when, and how'),
  WORKERS: z
    .enum(['1', '2'], 'must be 1 or 2')
    .default('2')
    .describe('2: a second worker does the same work at the same time'),
  PROJECTORS: z
    .enum(['1', '2'], 'must be 1 or 2')
    .default('2')
    .describe('2: a second projector does the same work at the same time'),
  REPLICAS: z
    .enum(['1', '3'], 'must be 1 or 3')
    .default('1')
    .describe('3: a cluster of three nats-servers keeps every stream three times'),
};

/**
 * `make chaos`: lets each part of a plant fail in turn under load, in a temporary folder, and counts what was lost or
 * doubled. The report goes to stdout; exit code 1 when anything is not as it should be, and then the plant's data and logs
 * stay, but for what was on disks of its own.
 */
await runMain(async () => {
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));
  const {
    ROUNDS: rounds,
    MINUTES: minutesMax,
    SEED: seed,
    WORKERS,
    PROJECTORS,
    REPLICAS,
  } = readSettings(settings, process.env);
  const command = `make chaos ROUNDS=${rounds} SEED=${seed} WORKERS=${WORKERS} PROJECTORS=${PROJECTORS} REPLICAS=${REPLICAS}`;
  const copies = [
    ...(WORKERS === '2' ? (['worker'] as const) : []),
    ...(PROJECTORS === '2' ? (['projections'] as const) : []),
  ];
  const dataFolder = await mkdtemp(join(tmpdir(), 'stratum-chaos-'));
  say(`${command}, in ${dataFolder}`);
  let isWell = false;
  try {
    const report = await runChaos({
      ...{ rounds, seed, copies, dataFolder, secondsMax: SECONDS_MAX, replicas: REPLICAS === '3' ? 3 : 1 },
      ...(minutesMax === undefined ? {} : { minutesMax }),
      onRound: (round, of) => say(roundLine(round, of)),
      onVerdict: (verdict) => process.stdout.write(`\n${verdictText(verdict)}\n\n`),
    });
    isWell = isProven(report);
    process.stdout.write(`${reportText(report)}\n`);
  } finally {
    process.exitCode = isWell ? 0 : 1;
    if (isWell) await rm(dataFolder, { recursive: true, force: true });
    else {
      say(`to repeat: ${command}`);
      say(`logs, and the list of the senders, are in ${dataFolder}`);
    }
  }
});
