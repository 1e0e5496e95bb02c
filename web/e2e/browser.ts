import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, inject } from 'vitest';

/** The widths that every page is looked at. */
export const screens = {
  wide: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
} as const;
export type Screen = keyof typeof screens;

/** What a headless browser needs on a machine without a GPU, and without looking for the internet. */
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Longest wait for anything on a page. */
export const PAGE_MS_MAX = 20_000;

/** Who signs in: the part of a demo account's e-mail before `@stratum.local`. */
export type Account = 'user' | 'erp' | 'mes' | 'floor1' | 'operator' | 'auditor' | 'admin';

/** One browser for the tests of a file; each `open` is a person of their own, with cookies of their own. */
export function useBrowser() {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: inject('chromiumPath'), args: FLAGS });
  });
  afterAll(() => browser.close());

  /** A page of the plant, signed in if asked for, on the path. */
  async function open(path: string, as?: Account, screen: Screen = 'wide'): Promise<Page> {
    const isPhone = screen === 'phone';
    const context = await browser.newContext({
      baseURL: inject('webUrl'),
      viewport: screens[screen],
      reducedMotion: 'reduce',
      isMobile: isPhone,
      hasTouch: isPhone,
    });
    context.setDefaultTimeout(PAGE_MS_MAX);
    const page = await context.newPage();
    if (as === undefined) await page.goto(path);
    else await signIn(page, as, path);
    return page;
  }
  return { open };
}

async function signIn(page: Page, account: Account, path: string): Promise<void> {
  await page.goto(`/login?next=${encodeURIComponent(path)}`);
  await page.getByLabel('E-mail').fill(`${account}@stratum.local`);
  await page.getByLabel('Password', { exact: true }).fill(inject('password'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname === new URL(path, url).pathname);
}
