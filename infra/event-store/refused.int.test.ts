import { describe, expect, it } from 'vitest';
import { plantServer } from './plant-server.fixture.ts';
import { countRefusals, listRefusals, type Refusal, refuse } from './refused.ts';

function refusal(sequence: number, reason: Refusal['reason'] = 'NotJson', body = '{'): Refusal {
  return {
    source: `DEVICES:${sequence}`,
    subject: 'twins.drillrig1.telemetry',
    reason,
    detail: 'the body is not JSON\nat all',
    body: Buffer.from(body),
  };
}

describe('what was refused', () => {
  it('is kept once for each source, however often it is refused and for whatever reason', async () => {
    await using plant = await plantServer();
    await refuse(plant.nc, refusal(12));
    await refuse(plant.nc, refusal(12));
    await refuse(plant.nc, refusal(12, 'BadShape'));
    await refuse(plant.nc, refusal(13, 'UnknownTwin'));
    expect(await countRefusals(plant.nc)).toMatchObject({ NotJson: 1, BadShape: 0, UnknownTwin: 1 });
    const listed = await listRefusals(plant.nc, { limit: 10 });
    expect(listed.map(({ source }) => source)).toEqual(['DEVICES:13', 'DEVICES:12']);
    expect(listed[1]).toEqual({
      position: 'REFUSED:1',
      refusedAt: expect.stringMatching(/Z$/),
      subject: 'twins.drillrig1.telemetry',
      reason: 'NotJson',
      detail: 'the body is not JSON at all',
      source: 'DEVICES:12',
      body: '{',
    });
  });

  it('is listed page by page, newest first', async () => {
    await using plant = await plantServer();
    expect(await listRefusals(plant.nc, { limit: 10 })).toEqual([]);
    for (let sequence = 1; sequence <= 5; sequence++) await refuse(plant.nc, refusal(sequence));
    const sources = async (options: { before?: number; limit: number }) =>
      (await listRefusals(plant.nc, options)).map(({ source }) => source);
    expect(await sources({ limit: 2 })).toEqual(['DEVICES:5', 'DEVICES:4']);
    expect(await sources({ before: 4, limit: 2 })).toEqual(['DEVICES:3', 'DEVICES:2']);
    expect(await sources({ before: 2, limit: 2 })).toEqual(['DEVICES:1']);
    expect(await sources({ before: 1, limit: 2 })).toEqual([]);
  });

  it('shows the beginning of a long body', async () => {
    await using plant = await plantServer();
    await refuse(plant.nc, refusal(1, 'TooLarge', 'x'.repeat(200_000)));
    const [shown] = await listRefusals(plant.nc, { limit: 1 });
    expect(shown?.body).toBe('x'.repeat(2_000));
  });
});
