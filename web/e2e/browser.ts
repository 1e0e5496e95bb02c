import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';

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

/**
 * One browser for the tests of a file. Each account signs in once per screen, as a person does; each `open` is a new tab of that
 * person, each without an account a new person. Whatever a page should never do, in any test, fails the test that made it do so:
 * ask another origin for something, throw, or complain on the console. That a request was not answered is the network's fault.
 */
export function useBrowser() {
  let browser: Browser;
  const people = new Map<string, Promise<BrowserContext>>();
  const strangers: BrowserContext[] = [];
  const pages: Page[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: inject('chromiumPath'), args: FLAGS });
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.close();
    for (const context of strangers.splice(0)) await context.close();
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(() => browser.close());

  /** A page of the plant on the path, signed in if asked for. It is closed after the test. */
  async function open(path: string, as?: Account, screen: Screen = 'wide'): Promise<Page> {
    const context = as === undefined ? await stranger(screen) : await person(as, screen);
    const page = await context.newPage();
    pages.push(page);
    await page.goto(path);
    return page;
  }

  async function stranger(screen: Screen): Promise<BrowserContext> {
    const context = await newContext(screen);
    strangers.push(context);
    return context;
  }

  function person(account: Account, screen: Screen): Promise<BrowserContext> {
    const key = `${account} ${screen}`;
    const known = people.get(key);
    if (known !== undefined) return known;
    const context = newContext(screen).then((made) => signedIn(made, account));
    context.catch(() => people.delete(key));
    people.set(key, context);
    return context;
  }

  async function newContext(screen: Screen): Promise<BrowserContext> {
    const isPhone = screen === 'phone';
    const context = await browser.newContext({
      baseURL: inject('webUrl'),
      viewport: screens[screen],
      reducedMotion: 'reduce',
      isMobile: isPhone,
      hasTouch: isPhone,
    });
    context.setDefaultTimeout(PAGE_MS_MAX);
    context.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      const isInside = protocol === 'data:' || protocol === 'blob:' || origin === new URL(inject('webUrl')).origin;
      if (!isInside) faults.push(`asked ${request.url()}`);
    });
    context.on('weberror', (webError) => faults.push(`threw ${webError.error().message}`));
    context.on('console', (message) => {
      const isUnanswered = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isUnanswered) faults.push(`said ${message.text()}`);
    });
    return context;
  }
  return { open };
}

async function signedIn(context: BrowserContext, account: Account): Promise<BrowserContext> {
  const page = await context.newPage();
  await page.goto('/login');
  await page.getByLabel('E-mail').fill(`${account}@stratum.local`);
  await page.getByLabel('Password', { exact: true }).fill(inject('password'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((url) => url.pathname !== '/login');
  await page.close();
  return context;
}
