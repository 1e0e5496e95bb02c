import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDatabase } from '../local/database.ts';
import { databasePart } from '../local/parts/database.ts';
import { freePorts } from '../local/ports.ts';
import { supervise } from '../local/supervisor.ts';
import { TEST_FOLDER_PREFIX } from '../testing/abandoned.ts';

/** A database as `make run` starts it, in a temporary folder. Disposing ends it and deletes the folder. */
export interface BenchDatabase extends AsyncDisposable {
  uri: string;
  /** Which of the two it is. */
  label: string;
}

/** Starts whatever speaks MongoDB's protocol on this machine. */
export async function startBenchDatabase(): Promise<BenchDatabase> {
  const part = await databasePart();
  const folder = await mkdtemp(join(tmpdir(), `${TEST_FOLDER_PREFIX}bench-`));
  const supervisor = supervise({ logFolder: join(folder, 'logs') });
  const stop = async () => {
    await supervisor.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const ports = await freePorts('port', 'postgresPort');
    const { uri, label } = await startDatabase(supervisor, part, { folder, ...ports });
    return { uri, label, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
