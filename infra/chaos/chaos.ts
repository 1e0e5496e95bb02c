import { connectNats } from '../event-store/connection.ts';
import { startPlant, type TestPlant } from '../testing/plant.ts';
import { chanceOf, victimsOf, wholeBetween } from './chance.ts';
import { startLoad } from './load.ts';
import { readLogs } from './logs.ts';
import { dropAndRebuild, type Rebuilt } from './read-models.ts';
import { killAndRecover, untilWell } from './recovery.ts';
import { startSecondWorker } from './second-worker.ts';
import { settle } from './settle.ts';
import { isClean, type Verdict, verdictOf } from './verdict.ts';
import { allVictims } from './victims.ts';

/** Between two kills the load goes on for so many readings, which is one to three seconds. */
const READINGS_BETWEEN_MIN = 20;
const READINGS_BETWEEN_MAX = 60;
/** A kill comes so long after much was sent at once: some of it is on its way, some in each log, some in none. */
const INTO_BURST_MS_MAX = 100;
/** The plant's own simulator reports once a second. */
const SPEED = '10';

/** One kill: who, after how many seconds all was well again, and what had been acknowledged by then. */
export type Round = {
  round: number;
  victim: string;
  seconds: number;
  acknowledged: { readings: number; orders: number; reports: number };
};

/** What came of a run. */
export type ChaosReport = { rounds: Round[]; verdict: Verdict; rebuilt: Rebuilt[]; rebuildSeconds: number };

export type ChaosOptions = {
  /** How many are killed, one after the other; every victim once, if left out. */
  rounds?: number;
  /** With 2, a second worker does the same work at the same time; 1, if left out. */
  workers?: 1 | 2;
  /** Who may be killed, by name; everybody, if left out. */
  isVictim?: (name: string) => boolean;
  /** The same seed kills in the same order. */
  seed: number;
  /** Where the plant keeps its data and logs; a temporary folder, deleted at the end, without it. */
  dataFolder?: string;
  onRound: (round: Round) => void;
  /** Told before the read models are looked at. */
  onVerdict: (verdict: Verdict) => void;
};

/**
 * Starts a whole plant, puts it under load, and kills its processes with SIGKILL one after the other, each time until all is
 * well again. Then the load stops, and when everything that follows from it has happened, the logs are counted against the
 * senders' own list. At last the database is dropped and computed again from the log.
 * @throws Error when something does not come back, or does not come to rest
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, dataFolder, onRound, onVerdict } = options;
  const chance = chanceOf(seed);
  await using plant = await startPlant({
    environment: { SPEED },
    ...(dataFolder === undefined ? {} : { dataFolder }),
  });
  await using secondWorker = options.workers === 2 ? await startSecondWorker(plant) : undefined;
  const target = { plant, secondWorker };
  await using load = await startLoad(plant, chance);
  const names = allVictims(target).filter(options.isVictim ?? (() => true));
  await untilWell(load, Date.now(), 'at first');
  const rounds: Round[] = [];
  for (const victim of victimsOf(chance, names, options.rounds ?? names.length)) {
    await load.goOn(wholeBetween(chance, READINGS_BETWEEN_MIN, READINGS_BETWEEN_MAX));
    const seconds = await killAndRecover(target, load, victim, wholeBetween(chance, 0, INTO_BURST_MS_MAX));
    const { readings, orders, reports } = load.ledger;
    const acknowledged = { readings: readings.length, orders: orders.length, reports: reports.length };
    const round = { round: rounds.length + 1, victim, seconds, acknowledged };
    rounds.push(round);
    onRound(round);
  }
  await load.goOn(READINGS_BETWEEN_MAX);
  await load.drain();

  await secondWorker?.stop();
  // The simulator and then the worker stand still: nobody else writes to the logs.
  using _simulator = pause(plant, 'simulator');
  const nc = await connectNats(plant.urls.nats, { name: 'chaos' });
  try {
    await settle(nc);
    const verdict = verdictOf(load.ledger, await readLogs(nc, load.twinIds));
    onVerdict(verdict);
    using _worker = pause(plant, 'worker');
    const { rebuilt, seconds: rebuildSeconds } = await dropAndRebuild(plant, nc);
    return { rounds, verdict, rebuilt, rebuildSeconds };
  } finally {
    await nc.close();
  }
}

/** Whether nothing was lost, doubled or otherwise wrong, and every read model came out the same. */
export function isProven({ verdict, rebuilt }: ChaosReport): boolean {
  return isClean(verdict) && rebuilt.length > 0 && rebuilt.every(({ before, after }) => before === after);
}

/** Lets a process stand still until disposed. */
function pause(plant: TestPlant, name: string): Disposable {
  const pid = plant.pidOf(name);
  process.kill(pid, 'SIGSTOP');
  return { [Symbol.dispose]: () => void process.kill(pid, 'SIGCONT') };
}
