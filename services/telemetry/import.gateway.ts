import { hash } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import { parsePosition } from '@stratum/contracts/envelope.ts';
import { telemetrySubject } from '@stratum/contracts/subjects.ts';
import type { TwinDefinition } from '@stratum/contracts/twin/twin.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { readLast, readPage } from '@stratum/infra/event-store/read.ts';
import { openTelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import type { Table } from './import-file.gateway.ts';
import type { ImportMap } from './import-map.ts';
import { beginTally, noteRefusal, type Tally, type TwinTally } from './import-report.ts';
import { type RowReader, rowReader } from './import-row.ts';
import { identityOf, judge } from './reading.ts';

/** Readings under way at once; those of one twin always one after the other. */
const IN_FLIGHT_MAX = 256;
const PAGE_SIZE = 1_000;

export type ImportOptions = {
  nc: NatsConnection;
  map: ImportMap;
  table: Table;
  now: () => Date;
  /** Commissions a twin if it is not; answers its definition with the limits now in force. */
  commission: (definition: TwinDefinition) => Promise<TwinDefinition>;
  /** Ends the import behind what is under way. */
  signal: AbortSignal;
  /** Told of every row. */
  onRow: (tally: Tally) => void;
};

/**
 * Brings a recording into TELEMETRY: commissions its twins and appends their readings in the order of the file, each
 * once. An import that was broken off goes on where it stopped, and one that was finished adds nothing, at any later
 * time: each reading is named after its twin's first one in the recording and its number, and the newest name on the
 * twin's subject tells how far it got. What grows at its end is told from what it was before by nothing but its new rows.
 * Memory stays the same however large the file.
 * @throws ImportMapError, UnreadableFile, Rejected (a twin of that id is something else), Unavailable, ServerRefused
 */
export async function importRecording(options: ImportOptions): Promise<Tally> {
  const { nc, map, table, signal, onRow } = options;
  const tally = beginTally();
  const log = await openTelemetryLog(nc);
  const twins = new Map<string, ImportedTwin>();
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  let read: RowReader | undefined;

  for await (const cells of table.rows) {
    if (signal.aborted || failure !== undefined) break;
    if (read === undefined) {
      read = rowReader(map, map.header ? cells : undefined, cells.length);
      if (map.header) continue;
    }
    tally.rows += 1;
    const row = read(cells);
    if (row.kind === 'skipped') tally.skipped += 1;
    else if (row.kind === 'refused') noteRefusal(tally, row);
    else {
      const { twinId } = row.definition;
      const twin = twins.get(twinId) ?? (await begin(options, row.definition, row.reading));
      twins.set(twinId, twin);
      tally.twins.set(twinId, twin.tally);
      // A set keeps the order of insertion; the oldest is done first, or nearly.
      const [oldest] = underWay;
      if (underWay.size >= IN_FLIGHT_MAX) await oldest;
      const taking = take(twin, row.reading).catch((error: unknown) => {
        failure ??= error;
      });
      underWay.add(taking);
      void taking.then(() => underWay.delete(taking));
    }
    onRow(tally);
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure;
  return tally;

  async function take(
    twin: ImportedTwin,
    claim: { observedAt: string; values: Record<string, number> },
  ): Promise<void> {
    const { definition, source, taken, tally: own } = twin;
    own.rows += 1;
    const number = own.rows;
    const judged = judge(definition, claim, options.now().getTime());
    if (judged.kind === 'refused') return noteRefusal(tally, judged);
    own.lastObservedAt = judged.reading.observedAt;
    if (number <= taken) {
      own.already += 1;
      return;
    }
    const { site, twinId } = definition;
    const { position, duplicate } = await log.append({
      site,
      twinId,
      reading: judged.reading,
      messageId: `${source}-${number}`,
    });
    own.lastSequence = Math.max(own.lastSequence, parsePosition(position).sequence);
    if (duplicate) own.already += 1;
    else own.accepted += 1;
  }
}

/** A twin of the recording: `source` names the recording as far as this twin is concerned, `taken` how much is there. */
type ImportedTwin = { definition: TwinDefinition; source: string; taken: number; tally: TwinTally };

async function begin(
  { nc, commission }: ImportOptions,
  wanted: TwinDefinition,
  first: { observedAt: string; values: Record<string, number> },
): Promise<ImportedTwin> {
  const definition = await commission(wanted);
  const { site, twinId } = definition;
  const source = `import-${hash('sha256', identityOf(twinId, first), 'base64url').slice(0, 16)}`;
  const { taken, lastSequence } = await takenOf(nc, telemetrySubject(site, twinId), source);
  const tally = { definition, rows: 0, accepted: 0, already: 0, lastObservedAt: first.observedAt, lastSequence };
  return { definition, source, taken, tally };
}

/** How many readings of a source are there. The newest message tells; if it came otherwise, the subject is looked through. */
async function takenOf(
  nc: NatsConnection,
  subject: string,
  source: string,
): Promise<{ taken: number; lastSequence: number }> {
  const publisher = publisherOf(nc);
  const numberIn = (messageId: string | undefined) =>
    messageId?.startsWith(`${source}-`) ? Number(messageId.slice(source.length + 1)) : 0;
  const newest = await readLast(publisher, 'TELEMETRY', subject);
  if (newest === undefined) return { taken: 0, lastSequence: 0 };
  let taken = numberIn(newest.headers.get('Nats-Msg-Id'));
  for (let from = taken === 0 ? 1 : newest.sequence + 1; from <= newest.sequence; ) {
    const page = await readPage(publisher, 'TELEMETRY', { from, subject, limit: PAGE_SIZE });
    taken = Math.max(taken, ...page.map(({ headers }) => numberIn(headers.get('Nats-Msg-Id'))));
    from = (page.at(-1)?.sequence ?? newest.sequence) + 1;
  }
  return { taken, lastSequence: newest.sequence };
}
