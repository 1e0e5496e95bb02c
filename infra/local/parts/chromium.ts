import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cacheFolder, withLock } from '../cache.ts';
import { CannotStart } from '../cannot-start.ts';
import { step } from '../progress.ts';
import { explain, findOnPath, runTool } from '../tool.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const VERSION_SECONDS_MAX = 30;
const INSTALL_SECONDS_MAX = 300;
const INSTEAD = 'set CHROMIUM to the path of a Chromium or Chrome';

/**
 * The path of a Chromium for the browser tests: CHROMIUM, on PATH, else installed with apt-get (as root), else
 * Playwright's own download.
 * @throws CannotStart when none can be had
 */
export async function chromium(): Promise<string> {
  const own = process.env.CHROMIUM;
  if (own !== undefined && own !== '') return requireRunning(own);
  const found = await findInstalled();
  if (found !== null) return found;
  try {
    return await withLock(
      join(cacheFolder(), 'chromium.lock'),
      'Chromium',
      async () => (await findInstalled()) ?? fetchChromium(),
    );
  } catch (error) {
    throw explain(error, 'Chromium', INSTEAD);
  }
}

async function requireRunning(binary: string): Promise<string> {
  try {
    await runTool(binary, ['--version'], { secondsMax: VERSION_SECONDS_MAX });
    return binary;
  } catch {
    throw new CannotStart(`CHROMIUM is ${binary}, which does not run: set it to the path of a Chromium or Chrome.`);
  }
}

async function findInstalled(): Promise<string | null> {
  for (const name of NAMES) {
    const found = await findOnPath(name);
    if (found !== null) return found;
  }
  return null;
}

async function fetchChromium(): Promise<string> {
  if (process.getuid?.() === 0 && (await findOnPath('apt-get')) !== null) {
    await step('Chromium: installed with apt-get', async () => {
      const environment = { DEBIAN_FRONTEND: 'noninteractive' };
      await runTool('apt-get', ['update', '-qq'], { environment, secondsMax: INSTALL_SECONDS_MAX });
      const args = ['install', '-qq', '-y', '--no-install-recommends', 'chromium'];
      await runTool('apt-get', args, { environment, secondsMax: INSTALL_SECONDS_MAX });
    });
    const installed = await findInstalled();
    if (installed !== null) return installed;
  }
  const playwright = createRequire(new URL('../../../web/package.json', import.meta.url));
  const folder = join(playwright.resolve('playwright-core/package.json'), '..');
  await step("Chromium: Playwright's download", () =>
    runTool(process.execPath, [join(folder, 'cli.js'), 'install', 'chromium'], { secondsMax: INSTALL_SECONDS_MAX }),
  );
  const { chromium: browser } = playwright('playwright-core');
  return requireRunning(browser.executablePath());
}
