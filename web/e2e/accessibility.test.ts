import { AxeBuilder } from '@axe-core/playwright';
import { describe, expect, it } from 'vitest';
import { type Account, type Screen, screens, useBrowser } from './browser.ts';
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
  ['/orders/new', 'erp'],
  ['/reports', 'erp'],
  ['/production', 'erp'],
  ['/mes', 'mes'],
  ['/work', 'floor1'],
  ['/events', 'auditor'],
  ['/orders', 'user'],
  ['/nowhere', 'user'],
];

/** Every rule of WCAG 2.2 A and AA, and axe's best practices. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function violationsOf(path: string, account: Account | undefined, screen: Screen) {
  const page = await browser.open(path, account, screen);
  await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
  await page.waitForFunction('document.querySelector("[aria-busy=true], .loading") === null');
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const width = await page.evaluate('document.documentElement.scrollWidth');
  await page.context().close();
  return {
    violations: violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`),
    isTooWide: Number(width) > screens[screen].width,
  };
}

describe.each(['wide', 'phone'] as const)('on a %s screen', (screen) => {
  it.each(pages)('%s has nothing that axe objects to, and does not scroll sideways', async (path, account) => {
    expect(await violationsOf(path, account, screen)).toEqual({ violations: [], isTooWide: false });
  });

  it('the page of an order has nothing that axe objects to', async () => {
    const erp = await apiAs('erp');
    const { orders } = (await erp('GET', '/api/orders?limit=1')) as { orders: { _id: string }[] };
    expect(await violationsOf(`/orders/${orders[0]?._id}`, 'erp', screen)).toEqual({
      violations: [],
      isTooWide: false,
    });
  });
});
