import type { Page, Route } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { useBrowser } from './browser.ts';

const browser = useBrowser();

/** What the API says while its database is away. */
function away(route: Route): Promise<void> {
  const problem = { type: 'about:blank', title: 'Not available', status: 503, detail: 'The database is away.' };
  return route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) });
}

/** A page that gets no answer to its queries, until `mend` is called. */
async function openWhileAway(path: string, pattern: string): Promise<{ page: Page; mend: () => Promise<void> }> {
  const page = await browser.open('/nowhere', 'operator');
  await page.route(pattern, away);
  await page.goto(path);
  return { page, mend: () => page.unroute(pattern) };
}

describe('while a part of the plant is away', () => {
  it('alarms are not known rather than none, and come by themselves when it is back', async () => {
    const { page, mend } = await openWhileAway('/overview', '**/api/alerts');
    const banner = page.getByRole('region', { name: 'Alarms now' });
    await banner.getByText('Alarms are not known').waitFor();
    await page.locator('dd', { hasText: '–not known' }).waitFor();
    await page.locator('a[href="/twins/turbine1"]').first().waitFor();
    await mend();
    await banner.getByText('Alarms are not known').waitFor({ state: 'detached' });
    await page.locator('dd', { hasText: /\d unacknowledged/ }).waitFor();
  });

  it('the list of alarms says what failed and claims nothing', async () => {
    const { page, mend } = await openWhileAway('/alarms', '**/api/alerts');
    await page.getByRole('alert').getByText('The alarms could not be loaded').waitFor();
    expect(await page.getByText('Every value is inside its limits').count()).toBe(0);
    await mend();
    await page.getByRole('alert').getByText('The alarms could not be loaded').waitFor({ state: 'detached' });
    await page.getByRole('tabpanel').getByRole('region').waitFor();
  });

  it('a page that failed is tried again, by itself and by hand, and the rest keeps working', async () => {
    const { page, mend } = await openWhileAway('/twins/turbine1', '**/trend?*');
    await page.getByText('The trends could not be loaded').waitFor();
    await page.getByRole('heading', { name: 'Live values' }).waitFor();
    await mend();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.trends canvas').first().waitFor();
  });
});

describe('what does not exist', () => {
  it('is said to be missing, with a way on', async () => {
    const page = await browser.open('/twins/nobody', 'operator');
    await page.getByText('There is no twin nobody').waitFor();
    await page.getByRole('link', { name: 'See all twins' }).click();
    await page.getByRole('heading', { name: 'Upstream' }).waitFor();
  });
});
