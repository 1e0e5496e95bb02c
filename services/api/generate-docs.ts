import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Logger, openLog } from '@stratum/infra/log.ts';
import { type AllDeps, about, openApi } from './app.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { configurationPage } from './configuration.ts';
import { LOCK_FILE, lockAfter, lockedReleases, releasesOf } from './released.ts';
import { publishedSchemas } from './schemas.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every generated document: its path from the root, and its text. */
export async function generatedDocs(): Promise<Map<string, string>> {
  const schemas = publishedSchemas();
  const docs = new Map<string, string>();
  for (const { name, schema } of schemas) docs.set(`contracts/docs/schemas/${name}.json`, jsonText(schema));
  docs.set(LOCK_FILE, jsonText(lockAfter(lockedReleases(), releasesOf(schemas))));
  docs.set('contracts/docs/openapi.json', jsonText(await openApiDocument()));
  docs.set('contracts/docs/asyncapi.json', jsonText(asyncApiDocument(schemas, about.version)));
  docs.set('docs/configuration.md', configurationPage());
  return docs;
}

/** The document that `/api/docs/json` answers. */
async function openApiDocument(): Promise<object> {
  const logger = openLog('docs', 'silent');
  const app = await openApi({ logger, jwtSecret: 'never used to sign anything at all' }, idleDeps(logger));
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}

/** A server version that is new enough for whatever a route asks for while it is registered. */
const VERSION_PART = 999;

/** Stands in for everything that routes work with: no request is ever served here. */
function idleDeps(logger: Logger): AllDeps {
  const idle: unknown = new Proxy(() => undefined, {
    get(_target, key) {
      if (key === Symbol.toPrimitive) return () => VERSION_PART;
      return key === 'then' ? undefined : idle;
    },
    apply: () => idle,
  });
  const names = ['nc', 'store', 'readModels', 'database', 'credentials', 'sessions'];
  const deps = Object.fromEntries(names.map((name) => [name, idle]));
  return { ...deps, logger, now: () => new Date(), bcryptCost: 4 } as unknown as AllDeps;
}

const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** Writes them all. Run it after every change of a contract, a route or a setting. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of await generatedDocs()) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
