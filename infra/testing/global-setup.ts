import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { ChildRecord } from '../local/child.ts';
import { answersPing, startDatabase } from '../local/database.ts';
import { databasePart } from '../local/parts/database.ts';
import { natsServer } from '../local/parts/nats-server.ts';
import { freePorts } from '../local/ports.ts';
import { say, step } from '../local/progress.ts';
import { supervise } from '../local/supervisor.ts';
import { recordServers, removeAbandonedServers, TEST_FOLDER_PREFIX } from './abandoned.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The one database of this test run; `freshDatabase` gives each test its own name in it. */
    mongodbUri: string;
    /** The path of a nats-server; `startNats` starts one. */
    natsServerPath: string;
  }
}

/**
 * Before the integration tests: one database for all of them, in a temporary folder, and a nats-server at hand. Which
 * database it is is printed, because the suite runs on whichever of the two this machine has. MONGODB_URI uses a server
 * of one's own instead.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeAbandonedServers();
  project.provide('natsServerPath', await natsServer());
  const own = process.env.MONGODB_URI;
  if (own !== undefined && own !== '') {
    if (!(await answersPing(own))) throw new Error('MONGODB_URI is set, but its server does not answer.');
    say('integration tests use the database of MONGODB_URI');
    project.provide('mongodbUri', own);
    return async () => undefined;
  }
  const part = await databasePart();
  const folder = await mkdtemp(join(tmpdir(), `${TEST_FOLDER_PREFIX}database-`));
  const onChange = (running: ChildRecord[]) => recordServers(folder, running);
  const supervisor = supervise({ logFolder: join(folder, 'logs'), onEvent: say, onChange });
  const stop = async () => {
    await supervisor.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const ports = await freePorts('port', 'postgresPort');
    const database = await step('database for the integration tests: started', () =>
      startDatabase(supervisor, part, { folder, ...ports }),
    );
    say(`integration tests use ${database.label}`);
    project.provide('mongodbUri', database.uri);
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}
