import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { describe, expect, it } from 'vitest';
import { PAGE_MS_MAX, useBrowser } from './browser.ts';
import { apiAs, connectDevice, sendReading } from './plant.ts';

const browser = useBrowser();
const healthy = { torque: 100, pressure: 35, vibration: 60 };

/** A rig that only this file's devices speak for, so that the simulator does not interfere. */
async function commissionRig(twinId: string): Promise<void> {
  const admin = await apiAs('admin');
  const limits = (low: number, high: number) => ({ low, high, priority: 1 });
  await admin('POST', '/api/twins', {
    twinId,
    name: `Rig ${twinId}`,
    twinType: 'drill-rig',
    valueStream: 'Upstream',
    parameters: [
      { key: 'torque', name: 'Torque', unit: 'Nm', limits: limits(50, 150) },
      { key: 'pressure', name: 'Pressure', unit: 'bar', limits: limits(10, 60) },
      { key: 'vibration', name: 'Vibration', unit: 'mm/s', limits: limits(20, 100) },
    ],
  });
}

describe('someone who watches the plant', () => {
  it('lands on eight live twins in four streams after signing in', async () => {
    const page = await browser.open('/overview', 'user');
    for (const stream of ['Upstream', 'Midstream', 'Downstream', 'Power']) {
      await page.getByRole('heading', { name: stream, exact: true }).waitFor();
    }
    for (const id of [
      'drillrig1',
      'wellhead1',
      'pipeline1',
      'compressor1',
      'refinery1',
      'retail1',
      'turbine1',
      'transformer1',
    ]) {
      await page.locator(`a[href="/twins/${id}"]`).first().waitFor();
    }
    await page.getByText('Live', { exact: true }).first().waitFor();
  });

  it('sees a value change on the overview, and the alarm counted, without reloading', async () => {
    await commissionRig('e2e-rig5');
    await using device = await connectDevice();
    await sendReading(device, 'e2e-rig5', { ...healthy, torque: 111 });
    const page = await browser.open('/overview', 'user');
    const card = page.locator('a[href="/twins/e2e-rig5"]');
    await card.getByText('111.0').waitFor();
    await page.evaluate('window.isStillTheSamePage = true');
    await sendReading(device, 'e2e-rig5', { ...healthy, torque: 122 });
    await card.getByText('122.0').waitFor();
    await sendReading(device, 'e2e-rig5', { ...healthy, torque: 166 });
    await card.getByText('1 alarm').waitFor();
    await card.getByText('Critical').waitFor();
    await sendReading(device, 'e2e-rig5', healthy);
    await card.getByText('Normal', { exact: true }).waitFor();
    expect(await card.getByText('1 alarm').count()).toBe(0);
    expect(await page.evaluate('window.isStillTheSamePage')).toBe(true);
  });

  it('sees a reading change without reloading, and the alarm of a crossing come and go', async () => {
    await commissionRig('e2e-rig1');
    await using device = await connectDevice();
    await sendReading(device, 'e2e-rig1', healthy);
    const page = await browser.open('/twins/e2e-rig1', 'operator');
    await page.getByRole('heading', { level: 1, name: 'Rig e2e-rig1' }).waitFor();
    const values = page.locator('section', { has: page.getByRole('heading', { name: 'Live values' }) });
    await values
      .getByText('100.0')
      .or(values.getByText('100', { exact: false }))
      .first()
      .waitFor();

    await sendReading(device, 'e2e-rig1', { ...healthy, torque: 171 });
    const alarms = page.locator('section', { has: page.getByRole('heading', { name: 'Active alarms' }) });
    await alarms.getByText('Torque high').waitFor();
    await alarms.getByRole('button', { name: 'Acknowledge' }).click();
    await alarms.getByText(/Acknowledged by/).waitFor();

    await sendReading(device, 'e2e-rig1', healthy);
    await alarms.getByText('None.', { exact: false }).waitFor();
  });

  it('finds an alarm that stayed for five minutes among the persistent ones', async () => {
    await commissionRig('e2e-rig2');
    await using device = await connectDevice();
    const sixMinutesAgo = new Date(Date.now() - 6 * 60_000);
    await sendReading(device, 'e2e-rig2', { ...healthy, vibration: 140 }, sixMinutesAgo);
    await sendReading(device, 'e2e-rig2', { ...healthy, vibration: 141 });
    const page = await browser.open('/alarms?tab=persistent', 'user');
    await page.getByRole('link', { name: /Rig e2e-rig2 vibration high/ }).waitFor();
    await page.getByRole('tab', { name: /High risk/ }).click();
    await page.getByRole('link', { name: /Rig e2e-rig2 vibration high/ }).waitFor();
    await page.getByRole('tab', { name: /Latest 18/ }).click();
    await page.getByRole('link', { name: /Rig e2e-rig2 vibration high/ }).waitFor();
    expect(await page.getByRole('button', { name: 'Acknowledge' }).count()).toBe(0);
    await sendReading(device, 'e2e-rig2', healthy);
  });

  it('reads trends and history of a twin, newest first', async () => {
    const page = await browser.open('/twins/pipeline1', 'user');
    await page.locator('.trends canvas').nth(2).waitFor();
    const history = page.getByRole('region', { name: /History of Pipeline/ });
    await history.locator('tbody tr').nth(10).waitFor();
    const times = await history
      .locator('tbody time')
      .evaluateAll((all) => all.map((time) => time.getAttribute('datetime') ?? ''));
    expect(times).toEqual(times.toSorted().toReversed());
    await page.getByRole('button', { name: /20 older/ }).click();
    await history.locator('tbody tr').nth(30).waitFor();
  });

  it('compares a twin with the week before', async () => {
    const page = await browser.open('/analytics?twin=turbine1', 'user');
    const table = page.getByRole('region', { name: 'Averages of Turbine' });
    await table.getByText('Vibration').waitFor();
    expect(await table.locator('tbody tr').count()).toBe(3);
  });
});

describe('an operator', () => {
  it('acknowledges the most urgent alarm from the banner with one key', async () => {
    await commissionRig('e2e-rig6');
    await using device = await connectDevice();
    await sendReading(device, 'e2e-rig6', healthy);
    const page = await browser.open('/twins/e2e-rig6', 'operator');
    const banner = page.getByRole('region', { name: 'Alarms now' });
    const alarms = page.getByRole('region', { name: 'Active alarms' });
    await alarms.getByText('None.', { exact: false }).waitFor();
    // Of priority 1 and the newest of all: it is the one that the banner shows.
    await sendReading(device, 'e2e-rig6', { ...healthy, vibration: 130 });
    await banner.getByText('Rig e2e-rig6 vibration high').waitFor();
    await page.keyboard.press('a');
    await alarms.getByText('Acknowledged by Olga Operator').waitFor();
    await page.getByText('Rig e2e-rig6 vibration high acknowledged.').waitFor();
    await sendReading(device, 'e2e-rig6', healthy);
    await alarms.getByText('None.', { exact: false }).waitFor();
  });

  it('finds what came back unacknowledged in a list of its own, below what is still outside', async () => {
    await commissionRig('e2e-rig7');
    await using device = await connectDevice();
    await sendReading(device, 'e2e-rig7', { ...healthy, torque: 160, pressure: 70 });
    await sendReading(device, 'e2e-rig7', { ...healthy, pressure: 70 });
    const page = await browser.open('/alarms?tab=returned', 'operator');
    const returned = page.getByRole('row', { name: /Rig e2e-rig7 torque high/ });
    await returned.getByText('RTNUN').waitFor();
    await page.getByRole('tab', { name: /^Active/ }).click();
    await page.getByRole('row', { name: /Rig e2e-rig7 pressure high/ }).waitFor();
    expect(await returned.count()).toBe(0);
    await page.getByRole('tab', { name: /^Returned/ }).click();
    await returned.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge', exact: true }).click();
    await returned.waitFor({ state: 'detached' });
    await sendReading(device, 'e2e-rig7', healthy);
  });

  it('acknowledges an alarm of the list with a note', async () => {
    await commissionRig('e2e-rig3');
    await using device = await connectDevice();
    await sendReading(device, 'e2e-rig3', { ...healthy, pressure: 90 });
    const page = await browser.open('/alarms', 'operator');
    const row = page.getByRole('row', { name: /Rig e2e-rig3 pressure high/ });
    await row.waitFor();
    await row.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByRole('dialog').getByLabel('Note').fill('valve 3 is being looked at');
    await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge', exact: true }).click();
    await row.getByText('ACKED').waitFor();
    await sendReading(device, 'e2e-rig3', healthy);
  });

  it('sees what a device sent and the plant refused, with the reason', async () => {
    await using device = await connectDevice();
    await sendReading(device, 'e2e-nobody', healthy);
    const page = await browser.open('/refused', 'operator');
    const row = page.getByRole('row', { name: /e2e-nobody/ });
    await waitFor(
      async () => {
        await page.getByRole('button', { name: 'Show the newest' }).click();
        return (await row.count()) > 0;
      },
      { what: 'the refused message', msMax: PAGE_MS_MAX, pollMs: 500 },
    );
    await row.first().getByText('Unknown twin').waitFor();
  });

  it('changes a limit with a reason, and the twin is judged by it', async () => {
    await commissionRig('e2e-rig4');
    await using device = await connectDevice();
    await sendReading(device, 'e2e-rig4', healthy);
    const page = await browser.open('/twins/e2e-rig4', 'operator');
    await page.getByRole('button', { name: 'Change the limits of Torque' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('High, Nm').fill('95');
    await dialog.getByLabel('Reason').fill('bit is worn');
    await dialog.getByRole('button', { name: 'Change limits' }).click();
    await page.getByText('Limits of Rig e2e-rig4 torque changed').waitFor();
    await page.getByText(/normal 50–150 until .+; changed: bit is worn/).waitFor();
    await sendReading(device, 'e2e-rig4', healthy);
    await page.getByText('Torque high').first().waitFor();
    await sendReading(device, 'e2e-rig4', { ...healthy, torque: 60 });
  });
});
