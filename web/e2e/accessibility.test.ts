import { AxeBuilder } from '@axe-core/playwright';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { type Account, screens, useBrowser } from './browser.ts';
import { apiAs } from './plant.ts';

const browser = useBrowser();

const pages: readonly [path: string, account?: Account][] = [
  ['/'],
  ['/login'],
  ['/register'],
  ['/overview', 'operator'],
  ['/twins/turbine1', 'operator'],
  ['/twins/compressor1', 'user'],
  ['/alarms', 'operator'],
  ['/alarms?tab=latest', 'operator'],
  ['/alarms?tab=history', 'operator'],
  ['/analytics', 'user'],
  ['/orders', 'erp'],
  ['/orders?tab=completed', 'erp'],
  ['/orders/new', 'erp'],
  ['/reports', 'erp'],
  ['/production', 'erp'],
  ['/mes', 'mes'],
  ['/work', 'floor1'],
  ['/events', 'auditor'],
  ['/refused', 'auditor'],
  ['/rebuild', 'auditor'],
  ['/orders', 'user'],
  ['/nowhere', 'user'],
];

/** Every rule of WCAG 2.2 A and AA, and axe's best practices. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** The narrowest screen on which nothing but a table may scroll sideways, px. */
const NARROWEST = { width: 320, height: 640 };
/** A page has found its new shape within this time. */
const SETTLED_MS_MAX = 2_000;
/** axe cannot tell the contrast over a gradient, so each becomes its lightest tone, on which light text is the hardest to read. */
const WITHOUT_GRADIENTS = `
  body::before { display: none !important; }
  body { background: var(--canvas-top) !important; }
  .panel { background: var(--s1-top) !important; }`;

async function whatIsWrongWith(page: Page) {
  await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
  await page.locator('.loading').first().waitFor({ state: 'detached' });
  await page.addStyleTag({ content: WITHOUT_GRADIENTS });
  // The legacy mode leaves frames of other origins out, of which there are none, and saves a second per page.
  const axe = new AxeBuilder({ page })
    .setLegacyMode()
    .options({ resultTypes: ['violations'] })
    .withTags(RULES);
  const { violations } = await axe.analyze();
  const scrollsSideways = await isTooWide(page);
  await page.setViewportSize(NARROWEST);
  const isSettled = waitFor(async () => !(await isTooWide(page)), { what: 'it to fit', msMax: SETTLED_MS_MAX });
  return {
    violations: violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`),
    scrollsSideways,
    scrollsSidewaysAt320: await isSettled.then(
      () => false,
      () => true,
    ),
  };
}

/** Whether the document, or what scrolls inside it, is wider than it shows. */
async function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(
    `[document.documentElement, ...document.querySelectorAll('main')].some((one) => one.scrollWidth > one.clientWidth)`,
  );
}

const nothing = { violations: [], scrollsSideways: false, scrollsSidewaysAt320: false };

describe.each(Object.keys(screens) as (keyof typeof screens)[])('on a %s screen', (screen) => {
  it.each(pages)('%s has nothing that axe objects to, and does not scroll sideways', async (path, account) => {
    expect(await whatIsWrongWith(await browser.open(path, account, screen))).toEqual(nothing);
  });

  it('the page of an order has nothing that axe objects to', async () => {
    const erp = await apiAs('erp');
    const { orders } = (await erp('GET', '/api/orders?limit=1')) as { orders: { _id: string }[] };
    expect(await whatIsWrongWith(await browser.open(`/orders/${orders[0]?._id}`, 'erp', screen))).toEqual(nothing);
  });
});
