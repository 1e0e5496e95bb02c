import type { NatsConnection } from '@nats-io/nats-core';
import type { Db } from 'mongodb';
import { lastSequence } from '../event-store/reader.ts';
import { checkpointsIn } from '../projector/checkpoints.ts';
import { openDatabase } from '../projector/database.ts';
import { digestOf } from '../projector/digest.ts';
import { pointersIn } from '../projector/pointers.ts';
import { waitFor } from '../testing/waitFor.ts';
import { digestOfFolded, foldLogs } from './folds.ts';
import type { Site } from './site.ts';
import { pidOf } from './victims.ts';

const CAUGHT_UP_MS_MAX = 180_000;
const LOOK_EVERY_MS = 250;
const PROJECTIONS = 'projections';

/**
 * A read model as it lived through everything, as it came back after all was dropped, and as the harness folds the logs
 * itself: digests are SHA-256 over all its documents.
 */
export type Rebuilt = { name: string; documents: number; before: string; after: string; folded: string };

/** Whether all three are the same. */
export function isSame({ before, after, folded }: Rebuilt): boolean {
  return before === after && before === folded;
}

/**
 * Folds the logs, drops the whole database while its projector is stopped, lets the projector begin anew, and compares.
 * Nothing may be written to the logs meanwhile, and no second projector may run.
 * @returns every read model, and the seconds from the drop until all of them are at the end of their log again
 * @throws Error when the logs moved, or a projection does not get to the end of its log within three minutes
 */
export async function dropAndRebuild(site: Site, nc: NatsConnection): Promise<{ rebuilt: Rebuilt[]; seconds: number }> {
  await using opened = await openDatabase(site.direct.mongodb, 'chaos');
  const { database } = opened;
  const names = await untilCaughtUp(database, nc, []);
  const endBefore = await endOfFacts(nc);
  const before = await digests(database, names);
  const folded = await foldLogs(nc);

  const pid = site.plant.pidOf(PROJECTIONS);
  process.kill(pid, 'SIGSTOP');
  const startedMs = performance.now();
  await database.dropDatabase();
  process.kill(pid, 'SIGKILL');
  await waitFor(() => ![undefined, pid].includes(pidOf(site, PROJECTIONS)), {
    what: 'the projector to be started again',
    msMax: CAUGHT_UP_MS_MAX,
    pollMs: LOOK_EVERY_MS,
  });
  await untilCaughtUp(database, nc, names);
  const seconds = (performance.now() - startedMs) / 1000;
  const after = await digests(database, names);
  const endAfter = await endOfFacts(nc);
  if (endBefore !== endAfter) throw new Error(`the logs moved from ${endBefore} to ${endAfter} during the rebuild`);
  const rebuilt = before.map(({ name, documents, digest }, index) => ({
    name,
    documents,
    before: digest,
    after: after[index]?.digest ?? '',
    folded: digestOfFolded(folded.get(name) ?? new Map()),
  }));
  return { rebuilt, seconds };
}

/** The last sequences of the logs that read models are computed from, as one text. */
async function endOfFacts(nc: NatsConnection): Promise<string> {
  const [plant, telemetry] = await Promise.all([lastSequence(nc, 'PLANT'), lastSequence(nc, 'TELEMETRY')]);
  return `PLANT:${plant.last} TELEMETRY:${telemetry.last}`;
}

/** Waits until every read model (at least those named) holds all of its log, and answers their names. */
async function untilCaughtUp(database: Db, nc: NatsConnection, atLeast: readonly string[]): Promise<string[]> {
  let behind: string[] = [];
  const names = await waitFor(
    async () => {
      const [pointers, checkpoints] = await Promise.all([
        pointersIn(database).find().toArray(),
        checkpointsIn(database).find().toArray(),
      ]);
      const [plant, telemetry] = await Promise.all([lastSequence(nc, 'PLANT'), lastSequence(nc, 'TELEMETRY')]);
      const ends = { PLANT: plant.last, TELEMETRY: telemetry.last };
      behind = atLeast.filter((name) => pointers.every(({ _id }) => _id !== name));
      for (const { _id: name, collection } of pointers) {
        const checkpoint = checkpoints.find((one) => one.name === name && one.collection === collection);
        if (checkpoint?.stopped) throw new Error(`${name} is stopped: ${checkpoint.stopped.error}`);
        if (checkpoint === undefined || checkpoint.position < ends[checkpoint.stream]) behind.push(name);
      }
      return behind.length === 0 && pointers.length > 0 ? pointers.map(({ _id }) => _id).sort() : undefined;
    },
    { what: 'every read model to hold all of its log', msMax: CAUGHT_UP_MS_MAX, pollMs: LOOK_EVERY_MS },
  ).catch((error: Error) => {
    throw new Error(`${error.message}; behind: ${behind.join(', ')}`);
  });
  return names;
}

async function digests(database: Db, names: readonly string[]) {
  const pointers = await pointersIn(database).find().toArray();
  const found: { name: string; documents: number; digest: string }[] = [];
  for (const name of names) {
    const pointer = pointers.find(({ _id }) => _id === name);
    if (pointer === undefined) throw new Error(`${name} is not served`);
    const documents = database.collection<{ _id: string; _position: number }>(pointer.collection);
    found.push({ name, documents: await documents.countDocuments(), digest: await digestOf(documents) });
  }
  return found;
}
