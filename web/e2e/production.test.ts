import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_MS_MAX, useBrowser } from './browser.ts';
import { apiAs, playShopfloor } from './plant.ts';

const browser = useBrowser();
const floorId = 'e2e-floor';

/** The test's own floor gets all the work while these stories run; the simulated floors go on with theirs. */
const simulated = { shopfloor1: 0, shopfloor2: 0, shopfloor3: 0 };
let before: Record<string, number> = {};
let floor: Awaited<ReturnType<typeof playShopfloor>>;

beforeAll(async () => {
  const mes = await apiAs('mes');
  const view = (await mes('GET', '/api/shopfloors')) as {
    shopfloors: { shopfloor: { _id: string; capacityPerHour: number } }[];
  };
  before = Object.fromEntries(view.shopfloors.map(({ shopfloor }) => [shopfloor._id, shopfloor.capacityPerHour]));
  await mes('POST', '/api/shopfloors', {
    shopfloorId: floorId,
    name: 'Test floor',
    capacityPerHour: 60,
    heartbeatPeriodSeconds: 5,
  });
  floor = await playShopfloor(floorId);
  for (const [id, capacityPerHour] of Object.entries(simulated))
    await mes('POST', `/api/shopfloors/${id}/capacity`, { capacityPerHour });
});
afterAll(async () => {
  await floor[Symbol.asyncDispose]();
  const mes = await apiAs('mes');
  for (const [id, capacityPerHour] of Object.entries(before))
    await mes('POST', `/api/shopfloors/${id}/capacity`, { capacityPerHour });
});

describe('an ERP owner', () => {
  it('places an order and follows it until the shopfloor has completed it', async () => {
    const page = await browser.open('/orders/new', 'erp');
    await page.getByRole('button', { name: 'Place order' }).click();
    await page.getByText('must not be empty', { exact: false }).first().waitFor();

    await page.getByLabel('Product').fill('Cola Bottles 500ml');
    await page.getByLabel('Quantity, pieces').fill('300');
    await page.getByLabel('Material').fill('PET Plastic');
    await page.getByRole('button', { name: 'Place order' }).click();
    await page.waitForURL(/\/orders\/ORD-/);
    const orderId = new URL(page.url()).pathname.split('/').at(-1) ?? '';

    expect(await floor.instructionFor(orderId)).toEqual({
      orderId,
      description: 'Cola Bottles 500ml',
      quantity: 300,
      material: 'PET Plastic',
    });
    await floor.report({ orderId, produced: 200, defective: 4, timestamp: '2026-10-01T10:30:00Z' });
    await page.getByText('200 of 300').first().waitFor();
    // The same report twice counts once.
    await floor.report({ orderId, produced: 200, defective: 4, timestamp: '2026-10-01T10:30:00Z' });
    await floor.report({ orderId, produced: 96, defective: 0, timestamp: '2026-10-01T10:40:00Z' });
    const life = page.getByRole('list', { name: /Life of ORD-/ });
    await life.getByText('Erik Owner').waitFor();
    await life.getByText('Order completed').waitFor();
    await life.getByText('296 good, 4 defective in all').first().waitFor();
    for (const step of ['Order placed', 'Split over the shopfloors', 'Instruction sent', 'Work reported']) {
      await life.getByText(step).first().waitFor();
    }

    await page.goto('/reports');
    await page.getByRole('link', { name: orderId }).first().waitFor();
    await page.goto('/production');
    await page
      .getByRole('region', { name: /by product/ })
      .getByText('Cola Bottles 500ml')
      .waitFor();
    await page.goto('/orders?tab=completed');
    await page.getByRole('link', { name: orderId }).waitFor();
  });
});

describe('an MES manager', () => {
  it('moves capacity, sees the next split change, and the next order is split by it', async () => {
    const page = await browser.open('/mes', 'mes');
    const panel = page.locator('section', { has: page.getByRole('heading', { name: 'Test floor' }) });
    await panel.getByText('Live').waitFor();
    await page.getByRole('spinbutton', { name: /Capacity of Test floor/ }).fill('90');
    await page.getByText('As the sliders stand, once applied').waitFor();
    await page.getByRole('button', { name: /^Apply/ }).click();
    await page.getByText('Test floor: 90 pieces per hour from the next split on').waitFor();

    const erp = await apiAs('erp');
    const { id, position } = (await erp('POST', '/api/orders', {
      description: 'Caps',
      quantity: 10,
      material: 'PE',
    })) as { id: string; position: string };
    await floor.instructionFor(id);
    const capacities = await waitFor(
      async () => {
        const { order } = (await erp('GET', `/api/orders/${id}?after=${position}`)) as {
          order: { capacities: { shopfloorId: string; capacityPerHour: number }[] };
        };
        return order.capacities.length > 0 ? order.capacities : undefined;
      },
      { what: 'the split to be in the read model' },
    );
    expect(capacities.find(({ shopfloorId }) => shopfloorId === floorId)?.capacityPerHour).toBe(90);
    await floor.report({ orderId: id, produced: 10, defective: 0, timestamp: '2026-10-01T11:00:00Z' });
  });

  it('sees signs of life as they come, without asking for them', async () => {
    const page = await browser.open('/mes', 'mes');
    const panel = page.locator('section', { has: page.getByRole('heading', { name: 'Test floor' }) });
    const heard = () => panel.locator('time').getAttribute('datetime');
    const nextBeat = async () => {
      const before = await heard();
      await waitFor(async () => (await heard()) !== before, { what: 'the next sign of life', msMax: PAGE_MS_MAX });
    };
    await panel.getByText('Live').waitFor();
    // When the feed has opened, the page asks once more for what it may have missed before; then signs of life come.
    await nextBeat();
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/api/shopfloors')) asked += 1;
    });
    for (let beats = 0; beats < 3; beats += 1) await nextBeat();
    expect(asked).toBe(0);
  });

  it('places no orders', async () => {
    const page = await browser.open('/orders/new', 'mes');
    await page.getByText('It can be seen by ERP Owner or Admin').waitFor();
    await page.goto('/orders');
    await page.getByRole('tab', { name: 'Open' }).waitFor();
    expect(await page.getByRole('link', { name: 'New order' }).count()).toBe(0);
  });
});

describe('a shopfloor user', () => {
  it('sees the own floor’s work only, and reports pieces', async () => {
    const mes = await apiAs('mes');
    const erp = await apiAs('erp');
    await mes('POST', '/api/shopfloors/shopfloor1/capacity', { capacityPerHour: 1000 });
    await mes('POST', `/api/shopfloors/${floorId}/capacity`, { capacityPerHour: 0 });
    const { id } = (await erp('POST', '/api/orders', {
      description: 'Crates for floor one',
      quantity: 5000,
      material: 'HDPE',
    })) as { id: string };
    const page = await browser.open('/work', 'floor1');
    await page.getByText(id).first().waitFor();
    // The oldest open part is the next one; whichever that is takes the report.
    const next = page.getByRole('region', { name: 'Next part' });
    await next.getByLabel('Good pieces since the last report').fill('2');
    await next.getByLabel('Defective').fill('1');
    await next.getByRole('button', { name: 'Report', exact: true }).click();
    await page.getByText('2 good and 1 defective reported').waitFor();
    await page.goto('/overview');
    await page
      .getByRole('heading', { name: /permission|not allowed|may not/i })
      .or(page.getByText(/role/i))
      .first()
      .waitFor();
  });
});

describe('an auditor', () => {
  it('finds an order in the log, with who caused what, and may change nothing', async () => {
    const erp = await apiAs('erp');
    const { id } = (await erp('POST', '/api/orders', { description: 'Audit me', quantity: 3, material: 'PP' })) as {
      id: string;
    };
    const page = await browser.open(`/events?subject=${id}`, 'auditor');
    const log = page.getByRole('region', { name: 'Events, newest first' });
    const placed = log.getByRole('row', { name: /OrderPlaced/ });
    await placed.getByText('Erik Owner').waitFor();
    await placed.getByRole('button', { name: /PLANT:/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('"quantity": 3').waitFor();
    await dialog.getByText(/^Erik Owner, account:/).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.goto('/alarms');
    await page.getByRole('heading', { name: 'Alarms' }).waitFor();
    expect(await page.getByRole('button', { name: 'Acknowledge' }).count()).toBe(0);
  });
});
