import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './cache.ts';
import { CannotStart } from './cannot-start.ts';
import { step } from './progress.ts';
import { runTool, ToolFailed } from './tool.ts';

/** What the pages are made of. */
const SOURCES = ['web', 'contracts', 'pnpm-lock.yaml'];
const NOT_SOURCES = /(^|\/)(node_modules|dist|e2e|docs|golden)(\/|$)|\.test\.ts$/;
const BUILD_SECONDS_MAX = 180;

/** Builds the pages into web/dist when their sources changed since the last build. */
export async function buildWeb(root: string): Promise<void> {
  const stampFile = join(root, 'web/dist/.sources');
  await mkdir(join(root, 'node_modules'), { recursive: true });
  // Another start from this clone may be building into the same folder.
  await withLock(join(root, 'node_modules/.stratum-web.lock'), 'building the pages', async () => {
    const stamp = await sourceHash(root);
    if ((await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return;
    await step('pages: built with vite', () => build(root));
    await writeFile(stampFile, stamp);
  });
}

/** The path of vite's command, to be run with Node. */
export function viteCommand(root: string): string {
  return join(root, 'web/node_modules/vite/bin/vite.js');
}

async function build(root: string): Promise<void> {
  try {
    const environment = { NODE_ENV: 'production' };
    const args = [viteCommand(root), 'build', 'web', '--logLevel', 'warn'];
    await runTool(process.execPath, args, { folder: root, environment, secondsMax: BUILD_SECONDS_MAX });
  } catch (error) {
    if (error instanceof ToolFailed)
      throw new CannotStart(`The pages could not be built: ${error.output || error.message}`);
    throw error;
  }
}

async function sourceHash(root: string): Promise<string> {
  const files = (await Promise.all(SOURCES.map((source) => filesIn(root, source)))).flat().sort();
  const contents = await Promise.all(files.map((file) => readFile(join(root, file))));
  const hash = createHash('sha256');
  files.forEach((file, index) => void hash.update(`${file}\0`).update(contents[index] ?? ''));
  return hash.digest('hex');
}

/** The source files in a folder, or the file itself, as paths from the root. */
async function filesIn(root: string, source: string): Promise<string[]> {
  if (source.includes('.')) return [source];
  const found: string[] = [];
  const folders = [source];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (NOT_SOURCES.test(path)) continue;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) found.push(path);
    }
  }
  return found;
}
