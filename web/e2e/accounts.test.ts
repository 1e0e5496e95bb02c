import { describe, expect, it } from 'vitest';
import { useBrowser } from './browser.ts';

const browser = useBrowser();

describe('a newcomer', () => {
  it('reads what this is, registers, and is signed in as a user', async () => {
    const page = await browser.open('/');
    await page
      .getByRole('link', { name: /register|account/i })
      .first()
      .click();
    await page.getByLabel('Name').fill('Ada Petrova');
    await page.getByLabel('E-mail').fill(`ada.${Date.now()}@example.com`);
    const password = page.getByLabel('Password', { exact: true });
    await password.fill('short');
    await page.getByRole('button', { name: /register|make|create/i }).click();
    await page.getByText('at least 12 characters', { exact: false }).first().waitFor();
    await password.fill('a long enough password');
    await page.getByRole('button', { name: /register|make|create/i }).click();
    await page.waitForURL(/\/overview/);
    await page.goto('/orders');
    await page.getByText('ERP Owner', { exact: false }).first().waitFor();
  });

  it('is told that e-mail and password do not match, without saying which', async () => {
    const page = await browser.open('/login');
    await page.getByLabel('E-mail').fill('nobody@example.com');
    await page.getByLabel('Password', { exact: true }).fill('wrong password');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText(/./).first().waitFor();
    expect(page.url()).toContain('/login');
  });

  it('comes back to the page that was asked for after signing in', async () => {
    const page = await browser.open('/twins/turbine1', 'user');
    await page.getByRole('heading', { level: 1, name: 'Turbine' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Turbine' }).waitFor();
  });
});
