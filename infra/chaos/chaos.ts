import { join } from 'node:path';
import { connectNats } from '../event-store/connection.ts';
import type { TestPlant } from '../testing/plant.ts';
import { chanceOf, wholeBetween } from './chance.ts';
import { drawRounds, type Fault, type Pair, pairsOf } from './faults.ts';
import { inflict } from './inflict.ts';
import { readLedger } from './ledger.ts';
import { type Load, startLoad } from './load.ts';
import { readLogs } from './logs.ts';
import { dropAndRebuild, isSame, type Rebuilt } from './read-models.ts';
import { FIRST_WELL_MS_MAX, untilWell } from './recovery.ts';
import type { Copied } from './second-process.ts';
import { settle } from './settle.ts';
import { openSite, type Site } from './site.ts';
import { isClean, type Verdict, verdictOf } from './verdict.ts';
import { victimsAt } from './victims.ts';

/** Between two rounds the load goes on for so many readings, which is about a second. */
const READINGS_BETWEEN_MIN = 10;
const READINGS_BETWEEN_MAX = 30;
/** Where the senders keep their list, in the data folder. */
const LEDGER_FILE = 'senders-list.jsonl';

/** One round: what was done, after how many seconds from its end all was well again, what had been acknowledged by then. */
export type Round = {
  round: number;
  faults: Fault[];
  seconds: number;
  acknowledged: { readings: number; orders: number; reports: number };
};

/** What came of a run. `noDisks`: why no disk was filled, if so. */
export type ChaosReport = {
  rounds: Round[];
  verdict: Verdict;
  rebuilt: Rebuilt[];
  rebuildSeconds: number;
  /** Instructions that reached a floor once more. */
  repeatedInstructions: number;
  noDisks: string | undefined;
};

export type ChaosOptions = {
  /** How many rounds; as many as there are faults, if left out. */
  rounds?: number;
  /** No round begins later than so many minutes after the first; no such limit, if left out. */
  minutesMax?: number;
  /** Of which programs a second process does the same work at the same time. */
  copies: readonly Copied[];
  /** How many nats-servers keep the log: one, or a cluster of three. */
  replicas: 1 | 3;
  /** Which faults may happen; all that make sense, if left out. */
  isAllowed?: (pair: Pair) => boolean;
  /** The longest that a fault lasts. */
  secondsMax: number;
  /** The same seed makes the same faults in the same order. */
  seed: number;
  /** Where servers and plant keep their data and logs, and the senders their list. */
  dataFolder: string;
  onRound: (round: Round, rounds: number) => void;
  /** Told before the read models are looked at. */
  onVerdict: (verdict: Verdict) => void;
};

/** A round did not end well; the message says which, and of which seed. */
export class RoundFailed extends Error {
  constructor(round: number, seed: number, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`round ${round} of SEED=${seed}: ${why}`, { cause });
    this.name = 'RoundFailed';
  }
}

/**
 * Starts a whole plant, puts it under load, and lets its parts fail, round after round, each time until all is well again.
 * Then the load stops, and when everything that follows from it has happened, the logs are counted against the senders'
 * own list. At last the database is dropped and computed again from the log.
 * @throws RoundFailed when something does not come back; Error when the plant does not come to rest
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, dataFolder, copies, replicas } = options;
  const chance = chanceOf(seed);
  await using site = await openSite({ dataFolder, copies, replicas });
  const ledgerFile = join(dataFolder, LEDGER_FILE);
  await using load = await startLoad({ plant: site.plant, web: site.web, ledgerFile, chance });
  await untilWell(load, Date.now(), 'at first', FIRST_WELL_MS_MAX);
  const rounds = await letFail(site, load, options);
  await load.goOn(READINGS_BETWEEN_MAX);
  await load.drain();

  for (const second of site.seconds) await second.stop();
  // The simulator and then the worker stand still: nobody else writes to the logs.
  using _simulator = pause(site.plant, 'simulator');
  const nc = await connectNats(site.direct.nats, { name: 'chaos' });
  try {
    await settle(nc);
    const verdict = verdictOf(readLedger(ledgerFile), await readLogs(nc, load.twinIds));
    options.onVerdict(verdict);
    using _worker = pause(site.plant, 'worker');
    const { rebuilt, seconds: rebuildSeconds } = await dropAndRebuild(site, nc);
    return {
      rounds,
      verdict,
      rebuilt,
      rebuildSeconds,
      repeatedInstructions: load.floors.repeated(),
      noDisks: site.noDisks,
    };
  } finally {
    await nc.close();
  }
}

async function letFail(site: Site, load: Load, options: ChaosOptions): Promise<Round[]> {
  const { seed, secondsMax, isAllowed = () => true, minutesMax = Number.POSITIVE_INFINITY, onRound } = options;
  const endMs = performance.now() + minutesMax * 60_000;
  const victims = victimsAt(site);
  const pairs = pairsOf(victims).filter(isAllowed);
  // Chances of its own, so that what happens does not hang on how fast orders are placed.
  const chance = chanceOf(seed);
  const plans = drawRounds(chance, {
    ...{ pairs, groups: victims.groups, secondsMax },
    rounds: options.rounds ?? pairs.length,
  });
  const rounds: Round[] = [];
  for (const plan of plans) {
    if (performance.now() > endMs) break;
    const round = rounds.length + 1;
    try {
      await load.goOn(wholeBetween(chance, READINGS_BETWEEN_MIN, READINGS_BETWEEN_MAX));
      await load.burst(plan.intoBurstMs);
      const endedMs = await inflict(site, plan);
      const seconds = await untilWell(load, endedMs, 'again');
      const { readings, orders, reports } = load.ledger.acknowledged;
      const acknowledged = { readings: readings.length, orders: orders.length, reports: reports.length };
      rounds.push({ round, faults: plan.faults, seconds, acknowledged });
    } catch (error) {
      throw new RoundFailed(round, seed, error);
    }
    onRound(rounds.at(-1) as Round, plans.length);
  }
  return rounds;
}

/** Whether nothing was lost, doubled or otherwise wrong, and every read model came out the same. */
export function isProven({ verdict, rebuilt }: ChaosReport): boolean {
  return isClean(verdict) && rebuilt.length > 0 && rebuilt.every(isSame);
}

/** Lets a process stand still until disposed. */
function pause(plant: TestPlant, name: string): Disposable {
  const pid = plant.pidOf(name);
  process.kill(pid, 'SIGSTOP');
  return { [Symbol.dispose]: () => void process.kill(pid, 'SIGCONT') };
}
