import { events as contracts } from '@stratum/contracts/registry.ts';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { addCapacity, capacitySet, shopfloor } from './capacity.fixture.ts';
import { decodeEvent, decodePlantEvent, encodeChanges, skippedEvents } from './codec.ts';
import { NotInContract } from './errors.ts';
import type { StoredMessage } from './message.ts';

const floor = shopfloor('shopfloor1');
const place = { subject: 'plant.main.shopfloor.shopfloor1', sequence: 12, recordedAt: '2026-01-01T00:00:00.000Z' };

/** As a reader gets it: headers by name, body as bytes. */
function stored({ headers, body }: { headers: string; body: Uint8Array }): StoredMessage {
  const lines = headers.split('\r\n').filter((line) => line !== '');
  return { ...place, headers: new Map(lines.map((line) => line.split(': ') as [string, string])), data: body };
}

function storedAs(type: string, schema: string, data: unknown): StoredMessage {
  const headers = `ce-type: ${type}\r\nce-dataschema: urn:stratum:schema:${schema}\r\n`;
  return stored({ headers, body: Buffer.from(JSON.stringify(data)) });
}

describe('an event on its way through the log', () => {
  it('comes back as it was, whatever its command says', () => {
    const line = fc
      .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
      .filter((text) => !/[\r\n]|^\s|\s$|: /.test(text));
    const id = fc.stringMatching(/^[!-~]{1,50}$/).filter((text) => !text.includes(': '));
    fc.assert(
      fc.property(
        id,
        line,
        fc.double({ min: 0, max: 1_000_000, noNaN: true }),
        (commandId, correlationId, capacity) => {
          const command = { ...addCapacity(commandId), correlationId };
          const [encoded] = encodeChanges([{ aggregate: floor, after: 0, events: [capacitySet(capacity)] }], command);
          const event = encoded && decodePlantEvent(stored(encoded));
          expect(event?.data).toEqual(JSON.parse(JSON.stringify(capacitySet(capacity).data)));
          expect(event?.envelope).toMatchObject({ id: `${commandId}-0`, causationId: commandId, correlationId });
          expect(event?.recorded).toEqual({
            position: 'PLANT:12',
            sequence: 12,
            recordedAt: place.recordedAt,
            site: 'main',
            entity: 'shopfloor',
          });
        },
      ),
    );
  });

  it('is written without what its schema does not know, and read without it too', () => {
    const surplus = { shopfloorId: 'shopfloor1', capacityPerHour: 1, colour: 'red' };
    const [encoded] = encodeChanges(
      [{ aggregate: floor, after: 0, events: [{ type: 'CapacitySet', data: surplus }] }],
      addCapacity('c'),
    );
    expect(String(encoded?.body)).toBe('{"shopfloorId":"shopfloor1","capacityPerHour":1}');
    const read = decodePlantEvent(storedAs('CapacitySet', 'CapacitySet.v1', surplus));
    expect(read?.data).toEqual({ shopfloorId: 'shopfloor1', capacityPerHour: 1 });
  });

  it('is passed over and counted when its type is not known', () => {
    const before = skippedEvents().get('CapacityDoubled') ?? 0;
    expect(decodePlantEvent(storedAs('CapacityDoubled', 'CapacityDoubled.v1', {}))).toBeUndefined();
    expect(decodePlantEvent(storedAs('constructor', 'constructor.v1', {}))).toBeUndefined();
    expect(skippedEvents().get('CapacityDoubled')).toBe(before + 1);
  });

  it('is read without what a newer program added to it', () => {
    const newer = { shopfloorId: 'shopfloor1', capacityPerHour: 7, reason: 'night shift' };
    const event = decodePlantEvent(storedAs('CapacitySet', 'CapacitySet.v9', newer));
    expect(event?.data).toEqual({ shopfloorId: 'shopfloor1', capacityPerHour: 7 });
    expect(event?.envelope.version).toBe(9);
  });

  it('is a defect when its data do not fit, whoever wrote it', () => {
    expect(() => decodePlantEvent(storedAs('CapacitySet', 'CapacitySet.v1', {}))).toThrow(NotInContract);
    expect(() => decodePlantEvent(storedAs('CapacitySet', 'CapacitySet.v9', {}))).toThrow(NotInContract);
    expect(() => decodePlantEvent(storedAs('CapacitySet', 'CapacitySet.v0', {}))).toThrow('there is no CapacitySet.v0');
    expect(() =>
      decodePlantEvent({ ...storedAs('CapacitySet', 'CapacitySet.v1', {}), data: Buffer.from('{') }),
    ).toThrow('is not JSON');
  });
});

describe('an event of an old version', () => {
  afterEach(() => {
    delete contracts.ValveTurned;
  });

  it('is read as the newest, step by step', () => {
    contracts.ValveTurned = {
      entity: 'twin',
      versions: [
        z.object({ turns: z.number() }),
        z.object({ degrees: z.number() }),
        z.object({ degrees: z.number(), by: z.string() }),
      ],
      upcast: [
        (old) => ({ degrees: z.object({ turns: z.number() }).parse(old).turns * 360 }),
        (old) => ({ ...z.object({ degrees: z.number() }).parse(old), by: 'unknown' }),
      ],
    };
    const read = (version: number, data: unknown) =>
      decodePlantEvent(storedAs('ValveTurned', `ValveTurned.v${version}`, data))?.data;
    expect(read(1, { turns: 2 })).toEqual({ degrees: 720, by: 'unknown' });
    expect(read(2, { degrees: 90 })).toEqual({ degrees: 90, by: 'unknown' });
    expect(read(3, { degrees: 90, by: 'anna' })).toEqual({ degrees: 90, by: 'anna' });
  });
});

describe('a message of TELEMETRY', () => {
  const message = { stream: 'TELEMETRY', ...place, subject: 'telemetry.main.drillrig1', headers: new Map() } as const;

  it('reads as the event of its twin', () => {
    const reading = { observedAt: '2026-01-01T00:00:00Z', values: { torque: 88.2 }, outside: { torque: 'high' } };
    const event = decodeEvent({ ...message, data: Buffer.from(JSON.stringify(reading)) });
    expect(event).toMatchObject({
      type: 'ReadingRecorded',
      data: reading,
      envelope: { subject: 'drillrig1', occurredAt: reading.observedAt },
      recorded: { position: 'TELEMETRY:12', site: 'main', entity: 'twin' },
    });
  });

  it('is a defect when it is no reading', () => {
    expect(() => decodeEvent({ ...message, data: Buffer.from('{"torque":1}') })).toThrow('TELEMETRY:12 is no reading');
  });
});
