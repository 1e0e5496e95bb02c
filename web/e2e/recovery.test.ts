import type { TwinView } from '@stratum/contracts/twin/twin.ts';
import { readRunFile } from '@stratum/infra/local/run-file.ts';
import { runFileIn } from '@stratum/infra/local/settings.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { useBrowser } from './browser.ts';
import { apiAs, connectDevice, sendReading } from './plant.ts';

const browser = useBrowser();
const twinId = 'e2e-recovery';
/** A killed part is started again and has read what it missed within this time. */
const BACK_MS_MAX = 60_000;
const FIRST_READ_MS_MAX = 150_000;
const ANSWER_MS_MAX = 5_000;
/** Set on the page before anything is killed; a page that was loaded anew has lost it. */
const MARK = 'window.isStillTheSamePage';

async function commissionTwin(): Promise<void> {
  const admin = await apiAs('admin');
  await admin('POST', '/api/twins', {
    twinId,
    name: 'Rig that is watched',
    twinType: 'drill-rig',
    valueStream: 'Upstream',
    parameters: [{ key: 'torque', name: 'Torque', unit: 'Nm', limits: { low: 0, high: 1_000 } }],
  });
}

/** What runs now, by name. */
function pids(): Map<string, number> {
  const run = readRunFile(runFileIn(inject('dataFolder')));
  return new Map(run?.children.map(({ name, pid }) => [name, pid]));
}

function kill(name: string): void {
  const pid = pids().get(name);
  if (pid === undefined) throw new Error(`${name} does not run`);
  process.kill(pid, 'SIGKILL');
}

/** Whoever comes next finds a plant that is well. */
afterAll(async () => {
  const isWell = async () => {
    const answer = await ask('/health');
    return answer?.ok && ((await answer.json()) as { status: string }).status === 'ok';
  };
  await waitFor(isWell, { what: 'the plant to be well again', msMax: BACK_MS_MAX, pollMs: 200 });
});

/** Where the top bar says how fresh the page is. */
const connectionOf = (page: Page) => page.locator('.connection');

/** The page of the twin, live and showing the value. */
async function watch(torque: number): Promise<Page> {
  await commissionTwin();
  await using device = await connectDevice();
  await sendReading(device, twinId, { torque });
  await untilRead(torque);
  const page = await browser.open(`/twins/${twinId}`, 'operator');
  await shownValue(page, torque).waitFor();
  await connectionOf(page).getByText('Live', { exact: true }).waitFor();
  await page.evaluate(`${MARK} = true`);
  return page;
}

/** A plant that was just started has a day of readings to work through first. */
async function untilRead(torque: number): Promise<void> {
  const operator = await apiAs('operator');
  const isRead = async () => {
    const { state } = (await operator('GET', `/api/twin/${twinId}`)) as TwinView;
    return state?.values.torque === torque;
  };
  await waitFor(isRead, { what: `the reading ${torque} to be read`, msMax: FIRST_READ_MS_MAX, pollMs: 200 });
}

function shownValue(page: Page, torque: number) {
  const values = page.locator('section', { has: page.getByRole('heading', { name: 'Live values' }) });
  return values.getByText(String(torque), { exact: false }).first();
}

/** `undefined` when nobody answers. */
function ask(path: string): Promise<Response | undefined> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  return fetch(new URL(path, inject('webUrl')), { signal }).catch(() => undefined);
}

describe('a page that is being watched', () => {
  it('says that it reconnects when the API is killed, comes back by itself, and shows what changed meanwhile', {
    timeout: 300_000,
  }, async () => {
    const page = await watch(411);
    await using device = await connectDevice();
    const said = connectionOf(page).getByText('Reconnecting').waitFor();
    kill('api');
    await sendReading(device, twinId, { torque: 422 });
    expect(await ask('/ready')).toBeUndefined();
    await said;

    await connectionOf(page).getByText('Live', { exact: true }).waitFor({ timeout: BACK_MS_MAX });
    await shownValue(page, 422).waitFor();
    expect(await page.evaluate(MARK)).toBe(true);
  });

  it('shows what changed while any other part was killed and came back', { timeout: 300_000 }, async () => {
    const page = await watch(433);
    await using device = await connectDevice();
    let torque = 500;
    for (const name of pids().keys()) {
      if (name === 'api' || name === 'simulator') continue;
      torque += 1;
      kill(name);
      await sendReading(device, twinId, { torque });
      await shownValue(page, torque).waitFor({ timeout: BACK_MS_MAX });
    }
    expect(torque).toBeGreaterThan(503);
    expect(await page.evaluate(MARK)).toBe(true);
  });
});
