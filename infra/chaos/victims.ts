import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { answersPing } from '../local/database.ts';
import { answersTcp } from '../local/ports.ts';
import { waitFor } from '../testing/waitFor.ts';
import type { Victims } from './faults.ts';
import type { Network } from './network.ts';
import type { Networks, Site } from './site.ts';

const run = promisify(execFile);
const LIST_MS_MAX = 5_000;
const SERVERS_MS_MAX = 60_000;

/** The process that keeps the plant's own programs. */
export const STARTER = 'starter';
/** Every process at the same moment, as when the machine goes down or is suspended. */
export const EVERYTHING = 'everything';

/** What a client says first of itself: NATS and MongoDB hear the program's name, MQTT the client's. */
const greetings: Record<string, readonly string[]> = {
  api: greeting('api'),
  worker: [...greeting('worker'), 'stratum-dispatch', 'stratum-bridge'],
  projections: greeting('projections'),
  simulator: [...greeting('simulator'), 'stratum-simulator'],
  devices: ['chaos-'],
};

function greeting(name: string): readonly string[] {
  return [`"name":"${name}"`, `\0${name}\0`];
}

/** Everybody at a site who can be made to fail, and how; always in the same order. */
export function victimsAt({ plant, servers, seconds, disks }: Site): Victims {
  const ofPlant = plant.run().children.map(({ name }) => name);
  const second = seconds.map(({ name }) => name);
  return {
    processes: [...servers.running().map(({ name }) => name), ...ofPlant, ...second].sort(),
    groups: [STARTER, EVERYTHING],
    connected: ['nats', 'database', 'web', ...Object.keys(greetings), ...second],
    disks: [...disks.keys()],
  };
}

/** The pid of one process, `undefined` while it does not run. */
export function pidOf({ plant, servers, seconds }: Site, victim: string): number | undefined {
  const second = seconds.find(({ name }) => name === victim);
  if (second !== undefined) return second.pid();
  const server = servers.running().find(({ name }) => name === victim);
  if (server !== undefined) return server.pid;
  try {
    return plant.pidOf(victim);
  } catch {
    return undefined;
  }
}

/** The processes that a victim is, by name: itself, or all there are. */
export function processesOf(site: Site, victim: string): string[] {
  // The starter first, so that it sees nothing of what follows.
  return victim === EVERYTHING ? [STARTER, ...victimsAt(site).processes] : [victim];
}

/**
 * Kills with SIGKILL. A process is brought back by whoever keeps it, later; the starter, and what it cleaned up, is back
 * when this resolves.
 */
export async function kill(site: Site, victim: string): Promise<void> {
  for (const name of processesOf(site, victim)) signal(pidOf(site, name), 'SIGKILL');
  // Whoever starts a plant starts its servers first.
  if (victim === EVERYTHING) await untilServersAnswer(site);
  if (victim === STARTER || victim === EVERYTHING) await site.plant.killStarter();
}

async function untilServersAnswer({ direct }: Site): Promise<void> {
  const answer = async () =>
    (await Promise.all(direct.nats.split(',').map(answersTcp))).every(Boolean) && (await answersPing(direct.mongodb));
  await waitFor(answer, { what: 'the servers to answer', msMax: SERVERS_MS_MAX });
}

/** Stops a victim's processes with SIGSTOP, and answers how they go on. */
export async function freeze(site: Site, victim: string): Promise<() => void> {
  const pids: number[] = [];
  for (const name of processesOf(site, victim)) {
    const pid = pidOf(site, name);
    if (pid === undefined) continue;
    // The starter's children are others' victims; a database's are the database.
    const all = name === STARTER ? [pid] : await withChildren(pid);
    for (const one of all) signal(one, 'SIGSTOP');
    pids.push(...all);
  }
  return () => {
    for (const pid of pids) signal(pid, 'SIGCONT');
  };
}

/** Cuts a victim's connections, and answers how they are healed. */
export function cut(site: Site, victim: string, loss: 'dropped' | 'silent'): () => void {
  const healings = cutsOf(site, victim).map(([network, names]) => network.cut(loss, names));
  return () => {
    for (const heal of healings) heal();
  };
}

/** A network, and the names of those who lose it; `undefined` for all who use it. */
type CutOff = [network: Network, names: readonly string[] | undefined];

function cutsOf({ networks, seconds, web }: Site, victim: string): CutOff[] {
  const all = (network: Network): CutOff => [network, undefined];
  const everyone = [networks, ...seconds.map((second) => second.networks)];
  const second = seconds.find(({ name }) => name === victim);
  if (second !== undefined) return allOf(second.networks).map(all);
  if (victim === 'web') return [all(web)];
  if (victim === 'nats') return everyone.flatMap(({ nats, mqtt }) => [all(nats), all(mqtt)]);
  if (victim === 'database') return everyone.map(({ database }) => all(database));
  const names = greetings[victim];
  if (names === undefined) throw new Error(`nobody knows the connections of ${victim}`);
  return allOf(networks).map((network) => [network, names]);
}

function allOf({ nats, mqtt, database }: Networks): Network[] {
  return [nats, mqtt, database];
}

/** A process and all that descend from it, the oldest first. */
async function withChildren(pid: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='], { timeout: LIST_MS_MAX });
  const parents = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const one of found) for (const [child = 0, parent] of parents) if (parent === one) found.push(child);
  return found;
}

/** It may have ended by itself meanwhile. */
function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
