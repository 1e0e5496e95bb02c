import { readRunFile } from '@stratum/infra/local/run-file.ts';
import { runFileIn } from '@stratum/infra/local/settings.ts';
import { type OpenDatabase, openDatabase } from '@stratum/infra/projector/database.ts';
import { pointersIn } from '@stratum/infra/projector/pointers.ts';
import type { Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { useBrowser } from './browser.ts';

const browser = useBrowser();
/** Folding a day of the plant again, while it runs. */
const REBUILD_MS_MAX = 90_000;
const TAMPERED = 'transformer1';

let opened: OpenDatabase;
beforeAll(async () => {
  const uri = readRunFile(runFileIn(inject('dataFolder')))?.urls.mongodb;
  if (uri === undefined) throw new Error('the plant has no database');
  opened = await openDatabase(uri, 'test');
});
afterAll(() => opened?.[Symbol.asyncDispose]());

/** Changes in the directory of twins, as nobody should, since when a twin is there; answers how it was. */
async function setCommissionedAt(commissionedAt: string): Promise<string> {
  const pointer = await pointersIn(opened.database).findOne({ _id: 'twin_directory' });
  if (pointer === null) throw new Error('there is no directory of twins');
  const twins = opened.database.collection<{ _id: string; commissionedAt: string }>(pointer.collection);
  const before = await twins.findOneAndUpdate({ _id: TAMPERED }, { $set: { commissionedAt } });
  if (before === null) throw new Error(`there is no ${TAMPERED}`);
  return before.commissionedAt;
}

async function rebuild(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Rebuild and compare' }).press('Enter');
  await page.getByRole('button', { name: 'Cancel' }).waitFor();
  await page.getByRole('button', { name: 'Rebuild and compare' }).waitFor({ timeout: REBUILD_MS_MAX });
  const state = page.getByRole('region', { name: 'State of the rebuild' });
  return (await state.getByRole('status').textContent()) ?? '';
}

describe('an auditor', { timeout: 300_000 }, () => {
  it('computes the read models again, sees that they say what the log says, and what does not after it was changed', async () => {
    const page = await browser.open('/rebuild', 'auditor');
    expect(await rebuild(page)).toContain('All 10 read models say what the log says');
    expect(await page.getByRole('row').filter({ hasText: 'Equal' }).count()).toBe(10);
    await page.getByText('Begun by Aldo Auditor').waitFor();

    const before = await setCommissionedAt('2001-01-01T00:00:00Z');
    try {
      expect(await rebuild(page)).toContain('1 of 10 read models differs from the log');
    } finally {
      await setCommissionedAt(before);
    }
    await page
      .getByRole('row', { name: /twin_directory/ })
      .getByText('Differs')
      .waitFor();
    const found = page.getByRole('list', { name: 'Differing documents of twin_directory' }).getByRole('listitem');
    expect(await found.allTextContents()).toEqual([expect.stringMatching(`${TAMPERED}.*commissionedAt`)]);

    // Who comes later, on whatever screen, sees the same.
    const phone = await browser.open('/rebuild', 'auditor', 'phone');
    await phone.getByText('1 of 10 read models differs from the log').waitFor();
    await phone.getByText('What differs in twin_directory').waitFor();
    expect(await rebuild(page)).toContain('All 10 read models say what the log says');
  });

  it('cancels a rebuild, and is told of it', async () => {
    const page = await browser.open('/rebuild', 'auditor');
    await page.getByRole('button', { name: 'Rebuild and compare' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled before its end').waitFor();
  });

  it('is told what became of a rebuild after leaving the page, which then asks no more', async () => {
    const page = await browser.open('/rebuild', 'auditor');
    const { promise: begun, resolve: hold } = Promise.withResolvers<Route>();
    await page.route('**/api/rebuild', (route) =>
      route.request().method() === 'POST' ? hold(route) : route.continue(),
    );
    await page.getByRole('button', { name: 'Rebuild and compare' }).click();
    const wish = await begun;
    await page.getByRole('link', { name: 'Event log' }).click();
    await page.getByRole('heading', { level: 1, name: 'Event log' }).waitFor();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const refused = {
      type: 'about:blank',
      status: 409,
      title: 'Conflict',
      detail: 'A rebuild is refused.',
      code: 'Busy',
    };
    await wish.fulfill({ status: 409, json: refused });
    await page.getByText('A rebuild is refused.').waitFor();
    // Asked by the page after all that its answer began.
    await page.evaluate(() => fetch('/health').then(({ status }) => status));
    expect(asked).toContain('/health');
    expect(asked).not.toContain('/api/rebuild');
  });

  it('alone may: others are told who may, and do not find it in their menu', async () => {
    const page = await browser.open('/rebuild', 'operator');
    await page.getByText('Auditor', { exact: false }).first().waitFor();
    expect(await page.getByRole('button', { name: 'Rebuild and compare' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Rebuild and compare' }).count()).toBe(0);
  });
});
