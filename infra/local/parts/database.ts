import { type DocumentDb, documentDb, findDocumentDb } from './documentdb.ts';
import { ferretDb, findFerretDb } from './ferretdb.ts';
import { canDownloadMongod, downloadMongod, findMongod } from './mongod.ts';

/** The programs behind the MongoDB protocol on this machine. */
export type DatabasePart =
  | { kind: 'mongod'; mongod: string }
  | { kind: 'ferretdb'; ferretdb: string; documentDb: DocumentDb };

/**
 * What speaks MongoDB's protocol here: mongod on PATH, else what is cached, else a mongod where its host can be reached,
 * else FerretDB on PostgreSQL with DocumentDB.
 * @throws CannotStart when none can be had
 */
export async function databasePart(): Promise<DatabasePart> {
  const mongod = await findMongod();
  if (mongod !== null) return { kind: 'mongod', mongod };
  const [ferretInCache, documentDbInCache] = await Promise.all([findFerretDb(), findDocumentDb()]);
  if (ferretInCache !== null && documentDbInCache !== null)
    return { kind: 'ferretdb', ferretdb: ferretInCache, documentDb: documentDbInCache };
  const downloaded = (await canDownloadMongod()) ? await downloadMongod() : null;
  if (downloaded !== null) return { kind: 'mongod', mongod: downloaded };
  const [ferretdb, server] = await Promise.all([ferretDb(), documentDb()]);
  return { kind: 'ferretdb', ferretdb, documentDb: server };
}
