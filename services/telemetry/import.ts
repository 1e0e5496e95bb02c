import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Rejected } from '@stratum/contracts/decider.ts';
import { definitionAfter } from '@stratum/contracts/twin/definitions.ts';
import type { TwinDefinition, TwinEvent } from '@stratum/contracts/twin/twin.ts';
import { BadConfiguration, natsUrlSetting, readSettings } from '@stratum/infra/config.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import { openStore, type Store } from '@stratum/infra/event-store/store.ts';
import { ensureStreams } from '@stratum/infra/event-store/streams.ts';
import { z } from 'zod';
import { type TwinCommand, twinDecider } from '../twin/twin.ts';
import { importRecording } from './import.gateway.ts';
import { alertsOf, judgedUpTo } from './import-alerts.gateway.ts';
import { openTable, type Table, UnreadableFile } from './import-file.gateway.ts';
import { ImportMapError, parseImportMap } from './import-map.ts';
import { progressLine, reportOf, type Tally } from './import-report.ts';

const settings = {
  FILE: z.string().min(1).describe('the recording: a delimited file, plain or gzipped'),
  MAP: z.string().min(1).describe('the JSON file that says what its columns are'),
  NATS_URL: natsUrlSetting,
};

/** On a terminal the bar moves this often; elsewhere a line is printed now and then. */
const BAR_EVERY_MS = 200;
const LINE_EVERY_MS = 5_000;

/** `make import FILE=… MAP=…`: brings a recording in, waits until its readings are judged, and tells what came of it. */
async function main(signal: AbortSignal): Promise<void> {
  const { FILE, MAP, NATS_URL } = readSettings(settings, process.env);
  const map = parseImportMap(await readMap(MAP));
  const table = await openTable(FILE, map);
  const nc = await connectNats(NATS_URL, { name: 'import' });
  try {
    await ensureStreams(nc);
    const store = openStore(nc);
    const onRow = showProgress(table);
    const options = { nc, map, table, signal, onRow, now: () => new Date() };
    const tally = await importRecording({ ...options, commission: (wanted) => commission(store, wanted) });
    onRow(tally, true);
    const last = Math.max(0, ...[...tally.twins.values()].map(({ lastSequence }) => lastSequence));
    const isJudged = await judgedUpTo(nc, last, signal);
    const alerts = isJudged ? await alertsOf(nc, tally.twins) : undefined;
    process.stdout.write(`${reportOf(map, tally, alerts).join('\n')}\n`);
    if (signal.aborted) throw new BrokenOff('broken off; the same command goes on from here');
  } finally {
    await nc.close();
  }
}

/** Commissions a twin of the recording, if it is new. @throws Rejected when that id is another twin's */
async function commission(store: Store, wanted: TwinDefinition): Promise<TwinDefinition> {
  const { twinId, site } = wanted;
  const aggregate = { site, entity: 'twin', id: twinId } as const;
  const command: TwinCommand = {
    // Named after its content: another map is another command, and the rules say what becomes of it.
    id: `import:${twinId}:${hash('sha256', JSON.stringify(wanted), 'base64url').slice(0, 16)}`,
    type: 'CommissionTwin',
    data: wanted,
    actor: 'gateway:import',
    correlationId: `import:${twinId}`,
    time: new Date().toISOString(),
  };
  await handle(store, twinDecider, aggregate, command);
  const events = await store.read(aggregate);
  const inForce = events
    .map((event) => event as unknown as TwinEvent)
    .reduce<TwinDefinition | undefined>(definitionAfter, undefined);
  if (inForce === undefined) throw new Rejected('TwinDecommissioned', `${twinId} was decommissioned.`, 'twinId');
  if (JSON.stringify(inForce.parameters) !== JSON.stringify(wanted.parameters)) {
    say(`${twinId} has other limits than the map gives; the ones in force stay`);
  }
  return inForce;
}

/** Shows how far it is: a bar that moves on a terminal, else a line now and then. */
function showProgress(table: Table): (tally: Tally, isLast?: boolean) => void {
  const isTerminal = process.stderr.isTTY === true;
  const startedAt = performance.now();
  let shownAt = startedAt;
  return (tally, isLast = false) => {
    const now = performance.now();
    if (!isLast && now - shownAt < (isTerminal ? BAR_EVERY_MS : LINE_EVERY_MS)) return;
    shownAt = now;
    const share = table.bytesTotal === 0 ? 1 : table.bytesRead() / table.bytesTotal;
    const line = progressLine(tally, share, (now - startedAt) / 1000);
    process.stderr.write(isTerminal ? `\r  ${line}${isLast ? '\n' : ''}` : `  ${line}\n`);
  };
}

function say(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

async function readMap(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UnreadableFile(`the map ${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** The person ended it. */
class BrokenOff extends Error {}

/** What is wrong in words for the person who asked; a defect tells where it happened instead. */
function wordsFor(error: unknown): string {
  if (error instanceof ImportMapError) return ['The map is not right:', ...error.mistakes].join('\n  ');
  if (!(error instanceof Error)) return String(error);
  const isForPeople = [UnreadableFile, Rejected, BadConfiguration, BrokenOff].some((kind) => error instanceof kind);
  if (error.name === 'ConnectionError') return `NATS does not answer: ${error.message}`;
  return isForPeople ? error.message : (error.stack ?? error.message);
}

const ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => ending.abort());
try {
  await main(ending.signal);
} catch (error) {
  process.stderr.write(`${wordsFor(error)}\n`);
  process.exitCode = 1;
}
