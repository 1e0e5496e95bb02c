import { cannotStartMessage } from './cannot-start.ts';
import { documentDb } from './parts/documentdb.ts';
import { ferretDb } from './parts/ferretdb.ts';
import { canDownloadMongod, findMongod } from './parts/mongod.ts';
import { natsServer } from './parts/nats-server.ts';
import { stopRequested } from './stop-requested.ts';

/**
 * Fetches what a first start needs while the packages are being installed, so it may import none of them. A start that
 * finds its parts missing later fetches them itself; this only saves time.
 */
async function fetchParts(): Promise<void> {
  await Promise.all([isOwn('NATS_URL') || natsServer(), isOwn('MONGODB_URI') || fetchDatabase()]);
}

/** A real mongod is downloaded with a package that is not there yet; where it may be had, that waits. */
async function fetchDatabase(): Promise<void> {
  if ((await findMongod()) !== null || (await canDownloadMongod())) return;
  await Promise.all([ferretDb(), documentDb()]);
}

function isOwn(variable: string): boolean {
  return (process.env[variable] ?? '') !== '';
}

// The builds and downloads it started end with it.
void stopRequested().then(() => process.exit(1));

try {
  await fetchParts();
} catch (error) {
  process.stderr.write(cannotStartMessage(error));
  process.exit(1);
}
