import { setTimeout as wait } from 'node:timers/promises';
import { waitFor } from '../testing/waitFor.ts';
import type { Fault, RoundPlan } from './faults.ts';
import type { Site } from './site.ts';
import { cut, EVERYTHING, freeze, kill, pidOf, STARTER } from './victims.ts';

/** Whatever was killed runs again within this time. */
const BACK_MS_MAX = 120_000;

/**
 * Makes a round's faults happen, the second while the first is on, and resolves when the last of them is over.
 * @returns when that was, in milliseconds since 1970; of a kill it is the moment of the kill
 */
export async function inflict(site: Site, { faults, secondAfterMs }: RoundPlan): Promise<number> {
  const ends = await Promise.all(
    faults.map(async (fault, index) => {
      if (index > 0) await wait(secondAfterMs);
      return inflictOne(site, fault);
    }),
  );
  return Math.max(...ends);
}

async function inflictOne(site: Site, fault: Fault): Promise<number> {
  if (fault.kind === 'kill') {
    const killedMs = Date.now();
    const name = fault.victim === EVERYTHING ? STARTER : fault.victim;
    const pidBefore = pidOf(site, name);
    await kill(site, fault.victim);
    const isBack = () => ![undefined, pidBefore].includes(pidOf(site, name));
    await waitFor(isBack, { what: `${fault.victim} to be started again`, msMax: BACK_MS_MAX });
    return killedMs;
  }
  const end = await begin(site, fault);
  await wait(fault.seconds * 1000);
  await end();
  return Date.now();
}

async function begin(site: Site, fault: Fault): Promise<() => unknown> {
  switch (fault.kind) {
    case 'kill':
      throw new Error('a kill has no end');
    case 'freeze':
      return freeze(site, fault.victim);
    case 'cut':
      return cut(site, fault.victim, fault.loss ?? 'dropped');
    case 'disk full': {
      const disk = site.disks.get(fault.victim);
      if (disk === undefined) throw new Error(`${fault.victim} has no disk that can be filled`);
      await disk.fill();
      return () => disk.free();
    }
  }
}
