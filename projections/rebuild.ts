import { logLevelSetting, mongodbUriSetting, natsUrlSetting, readSettings } from '@stratum/infra/config.ts';
import { connectNats } from '@stratum/infra/event-store/connection.ts';
import { openLog } from '@stratum/infra/log.ts';
import { openDatabase } from '@stratum/infra/projector/database.ts';
import { type RebuildProgress, type Rebuilt, rebuildAndCompare } from '@stratum/infra/projector/rebuild.ts';
import { armShutdown, runMain } from '@stratum/infra/shutdown.ts';
import { all } from './all.ts';

const PROGRESS_EVERY_MS = 500;
/** So many differing documents are named per read model; all of them stay in the rebuilt collection. */
const NAMED_MAX = 10;

const settings = {
  NATS_URL: natsUrlSetting,
  MONGODB_URI: mongodbUriSetting,
  LOG_LEVEL: logLevelSetting.default('warn'),
};

/**
 * Rebuilds every read model beside the one being served and compares the two: a line per read model on stdout, the names
 * of documents that differ, and exit code 1 if any does for another reason than that its readings have aged out.
 */
await runMain(async () => {
  const { NATS_URL, MONGODB_URI, LOG_LEVEL } = readSettings(settings, process.env);
  const { signal, defer, stop, stopped } = armShutdown(openLog('rebuild', LOG_LEVEL));
  const nc = await connectNats(NATS_URL, { name: 'rebuild' });
  defer('NATS', () => nc.close());
  const opened = await openDatabase(MONGODB_URI, 'rebuild');
  defer('database', () => opened[Symbol.asyncDispose]());

  const { database } = opened;
  const startedMs = performance.now();
  const rebuilt = await rebuildAndCompare({ projections: all, nc, database, signal, onProgress: progressPrinter() });
  for (const one of rebuilt) print(reportOf(one));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  const wrong = rebuilt.filter((one) => one.differing.length > 0 && !one.hasAgedOut).length;
  print(
    wrong === 0
      ? `all ${rebuilt.length} read models say what the log says (${seconds} s)`
      : `${wrong} of ${rebuilt.length} read models differ from the log (${seconds} s)`,
  );
  stop('finished', wrong === 0 ? 0 : 1);
  await stopped;
});

function reportOf({ name, documents, servedDigest, rebuiltDigest, differing, hasAgedOut }: Rebuilt): string {
  const sum = `${name}: ${documents} documents, digest ${servedDigest.slice(0, 16)}`;
  if (differing.length === 0) return `  = ${sum}`;
  const named = differing.slice(0, NAMED_MAX).join(', ');
  const others = differing.length > NAMED_MAX ? ` and ${differing.length - NAMED_MAX} more` : '';
  const reason = hasAgedOut ? '; older readings have aged out and cannot be folded again' : '';
  return `  ≠ ${sum}, rebuilt ${rebuiltDigest.slice(0, 16)}; differing: ${named}${others}${reason}`;
}

function progressPrinter(): (progress: RebuildProgress) => void {
  let printedMs = 0;
  return ({ stream, position, last }) => {
    const nowMs = performance.now();
    if (position < last && nowMs - printedMs < PROGRESS_EVERY_MS) return;
    printedMs = nowMs;
    print(`  … ${stream} ${position} of ${last} (${Math.floor((100 * position) / last)} %)`);
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
