import type { TestPlant } from '../testing/plant.ts';
import { SECOND_WORKER, type SecondWorker } from './second-worker.ts';

/** The process that keeps all others. */
export const STARTER = 'starter';
/** Every process of the plant at the same moment, as when the machine goes down. */
export const EVERYTHING = 'everything';

/** What is put under load and killed. */
export type Target = { plant: TestPlant; secondWorker: SecondWorker | undefined };

/** All that can be killed: each process by its name in the run file, the starter, everything at once, a second worker. */
export function allVictims({ plant, secondWorker }: Target): string[] {
  const names = [...plant.run().children.map(({ name }) => name), STARTER, EVERYTHING];
  return secondWorker === undefined ? names : [...names, SECOND_WORKER];
}

/**
 * Kills with SIGKILL. A process is brought back by its starter, later; the starter, and what it cleaned up, is back when
 * this resolves.
 */
export async function kill(target: Target, victim: string): Promise<void> {
  const { plant, secondWorker } = target;
  if (victim === EVERYTHING) {
    // The starter first, so that it sees nothing of what follows.
    process.kill(plant.pidOf(STARTER), 'SIGKILL');
    for (const { pid } of plant.run().children) process.kill(-pid, 'SIGKILL');
    killOne(target, SECOND_WORKER);
  }
  if (victim === EVERYTHING || victim === STARTER) {
    await plant.killStarter();
    // NATS listens elsewhere now.
    await secondWorker?.restart();
  } else {
    killOne(target, victim);
  }
}

/** The pid of a victim, `undefined` while it does not run. Everything at once is as its starter. */
export function pidOf({ plant, secondWorker }: Target, victim: string): number | undefined {
  if (victim === SECOND_WORKER) return secondWorker?.pid();
  try {
    return plant.pidOf(victim === EVERYTHING ? STARTER : victim);
  } catch {
    return undefined;
  }
}

function killOne(target: Target, victim: string): void {
  const pid = pidOf(target, victim);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}
