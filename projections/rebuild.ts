import { randomUUID } from 'node:crypto';
import type { Compared, RebuildRun } from '@stratum/contracts/rebuild.ts';
import { logLevelSetting, mongodbUriSetting, natsUrlSetting, readSettings } from '@stratum/infra/config.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { openLog } from '@stratum/infra/log.ts';
import { openDatabase } from '@stratum/infra/projector/database.ts';
import type { RebuildProgress } from '@stratum/infra/projector/rebuild.ts';
import { beginRebuild } from '@stratum/infra/projector/rebuild-run.ts';
import { armShutdown, runMain } from '@stratum/infra/shutdown.ts';
import { all } from './all.ts';

const PROGRESS_EVERY_MS = 500;
/** So many differing documents are named per read model; all of them stay in the rebuilt collection. */
const NAMED_MAX = 10;
/** Who rebuilds by hand, as the record says. */
const BY = 'program:rebuild';

const settings = {
  NATS_URL: natsUrlSetting,
  MONGODB_URI: mongodbUriSetting,
  LOG_LEVEL: logLevelSetting.default('warn'),
};

/**
 * Rebuilds every read model beside the one being served and compares the two: a line per read model on stdout, the names
 * of documents that differ, and exit code 1 if any does for another reason than that its readings have aged out, or if it
 * cannot be told. Auditors see it on their page as they see their own.
 */
await runMain(async () => {
  const { NATS_URL, MONGODB_URI, LOG_LEVEL } = readSettings(settings, process.env);
  const logger = openLog('rebuild', LOG_LEVEL);
  const { signal, defer, stop, stopped } = armShutdown(logger);
  const nc = await connectNats(NATS_URL, { name: 'rebuild' });
  defer('NATS', () => nc.close());
  const opened = await openDatabase(MONGODB_URI, 'rebuild');
  defer('database', () => opened[Symbol.asyncDispose]());

  const startedMs = performance.now();
  const deps = { projections: all, nc, database: opened.database, signal, logger };
  const rebuilding = await beginRebuild({ id: randomUUID(), by: BY }, deps, progressPrinter());
  const run = await rebuilding?.ended;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  for (const line of reportOf(run)) print(line);
  const wrong = run?.state === 'finished' ? run.models.filter(isWrong).length : undefined;
  if (wrong === 0) print(`all ${run?.modelCount} read models say what the log says (${seconds} s)`);
  if (wrong) print(`${wrong} of ${run?.modelCount} read models differ from the log (${seconds} s)`);
  stop('finished', wrong === 0 ? 0 : 1);
  await stopped;
});

function reportOf(run: RebuildRun | undefined): string[] {
  if (run === undefined) return ['a rebuild is under way already; its page, or another `make rebuild`, shows it'];
  const lines = run.models.map(reportOfOne);
  return run.state === 'finished' ? lines : [...lines, `the rebuild was ${run.state}: ${run.error ?? 'by an auditor'}`];
}

function isWrong({ differenceCount, hasAgedOut }: Compared): boolean {
  return differenceCount > 0 && !hasAgedOut;
}

function reportOfOne(compared: Compared): string {
  const { name, documents, servedDigest, rebuiltDigest, differences, differenceCount, hasAgedOut } = compared;
  const sum = `${name}: ${documents} documents, digest ${servedDigest.slice(0, 16)}`;
  if (differenceCount === 0) return `  = ${sum}`;
  const named = differences.slice(0, NAMED_MAX).map(({ id, how, fields }) => `${id} ${[how, ...fields].join(' ')}`);
  const others = differenceCount > named.length ? ` and ${differenceCount - named.length} more` : '';
  const reason = hasAgedOut ? '; older readings have aged out and cannot be folded again' : '';
  return `  ≠ ${sum}, rebuilt ${rebuiltDigest.slice(0, 16)}; differing: ${named.join(', ')}${others}${reason}`;
}

function progressPrinter(): (progress: RebuildProgress) => void {
  let printedMs = 0;
  return (progress) => {
    if (progress.step !== 'read') return;
    const { stream, position, last } = progress;
    const nowMs = performance.now();
    if (position < last && nowMs - printedMs < PROGRESS_EVERY_MS) return;
    printedMs = nowMs;
    print(`  … ${stream} ${position} of ${last} (${Math.floor((100 * position) / last)} %)`);
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
