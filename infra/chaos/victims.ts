import type { TestPlant } from '../testing/plant.ts';

/** The process that keeps all others. */
export const STARTER = 'starter';
/** Every process of the plant at the same moment, as when the machine goes down. */
export const EVERYTHING = 'everything';

/** All that can be killed: each process by its name in the run file, the starter, and everything at once. */
export function allVictims(plant: TestPlant): string[] {
  return [...plant.run().children.map(({ name }) => name), STARTER, EVERYTHING];
}

/**
 * Kills with SIGKILL. A process is brought back by its starter, later; the starter, and what it cleaned up, is back when
 * this resolves.
 */
export async function kill(plant: TestPlant, victim: string): Promise<void> {
  if (victim === EVERYTHING) {
    // The starter first, so that it sees nothing of what follows.
    process.kill(plant.pidOf(STARTER), 'SIGKILL');
    for (const { pid } of plant.run().children) process.kill(-pid, 'SIGKILL');
  }
  if (victim === EVERYTHING || victim === STARTER) return plant.killStarter();
  process.kill(plant.pidOf(victim), 'SIGKILL');
}

/** The pid of a process by its name in the run file, `undefined` while it does not run. */
export function pidOf(plant: TestPlant, name: string): number | undefined {
  try {
    return plant.pidOf(name);
  } catch {
    return undefined;
  }
}
