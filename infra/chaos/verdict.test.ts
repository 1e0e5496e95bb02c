import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { describe, expect, test } from 'vitest';
import {
  crossingsOf,
  type Entries,
  emptyLedger,
  type Ledger,
  openLedger,
  readLedger,
  type SentReading,
} from './ledger.ts';
import { brokenRules } from './rules.ts';
import { isClean, type Recorded, verdictOf } from './verdict.ts';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 24, 20, 0, second)).toISOString();

function reading(serial: number, level = 50): SentReading {
  return { twinId: 'chaos-1', serial, level, observedAt: at(serial) };
}

let sequence = 0;
/** An event with the facts that are looked at; the envelope's id is new unless one is given. */
function event(type: PlantEvent['type'], data: object, id?: string): PlantEvent {
  sequence += 1;
  const envelope = { id: id ?? `event-${sequence}` };
  return { type, data, envelope, recorded: { position: `PLANT:${sequence}`, sequence } } as unknown as PlantEvent;
}

const order = { orderId: 'ORD-1', quantity: 30, position: 'PLANT:1' };
const job = { orderId: 'ORD-1', jobId: 'ORD-1_chaos-floor-1', shopfloorId: 'chaos-floor-1' };
const report = { orderId: 'ORD-1', shopfloorId: 'chaos-floor-1', produced: 29, defective: 1, timestamp: at(9) };
const placed = () => event('OrderPlaced', order);
const life = (): PlantEvent[] => [
  event('OrderDistributed', { orderId: 'ORD-1', jobs: [{ ...job, quantity: 30 }] }),
  event('JobReleased', job),
  event('JobDispatched', job),
  event('WorkReported', {
    ...job,
    ...{ reportId: 'one', produced: 29, defective: 1, reportedAt: at(9) },
    ...{ goodTotal: 29, defectiveTotal: 1, jobCompleted: true },
  }),
  event('OrderCompleted', { orderId: 'ORD-1', good: 29, defective: 1 }),
];
const raised = (second: number) =>
  event('AlertRaised', {
    alertId: 'chaos-1_level_high',
    occurrenceId: `${at(second)}`,
    twinId: 'chaos-1',
    raisedAt: at(second),
  });
const cleared = (second: number) =>
  event('AlertCleared', { alertId: 'chaos-1_level_high', twinId: 'chaos-1', clearedAt: at(second) });

const entries: Entries = {
  readings: [reading(0), reading(1, 150), reading(2, 150), reading(3)],
  orders: [order],
  reports: [report],
};
const sent: Ledger = { sent: entries, acknowledged: entries };
const all = (): Recorded => ({
  readings: entries.readings.map(({ twinId, serial, observedAt }) => ({ twinId, serial, observedAt })),
  events: [placed(), ...life(), raised(1), cleared(3)],
  refused: [],
});

describe('the count against the list of the senders', () => {
  test('is clean when everything is there once', () => {
    const verdict = verdictOf(sent, all());
    expect(verdict.wrong).toEqual([]);
    expect(verdict.tallies.map(({ kind, acknowledged, recorded }) => [kind, acknowledged, recorded])).toEqual([
      ['readings', 4, 4],
      ['orders', 1, 1],
      ['reports', 1, 1],
      ['alerts raised', 1, 1],
      ['alerts cleared', 1, 1],
    ]);
    expect(isClean(verdict)).toBe(true);
  });

  test('names what is lost', () => {
    const verdict = verdictOf(sent, { readings: [], events: [], refused: [] });
    expect(verdict.tallies.map(({ lost }) => lost.length)).toEqual([4, 1, 1, 1, 1]);
    expect(verdict.tallies[1]?.lost).toEqual(['ORD-1']);
    expect(isClean(verdict)).toBe(false);
  });

  test('names what is doubled', () => {
    const recorded = all();
    recorded.readings.push(...recorded.readings.slice(-1));
    recorded.events.push(placed(), raised(1));
    const verdict = verdictOf(sent, recorded);
    expect(verdict.tallies.map(({ doubled }) => doubled.length)).toEqual([1, 1, 0, 1, 0]);
    expect(isClean(verdict)).toBe(false);
  });

  test('objects to what was never sent, was refused, or came in another order', () => {
    const recorded = all();
    recorded.readings = [...recorded.readings.toReversed(), { twinId: 'chaos-1', serial: 9, observedAt: at(9) }];
    recorded.refused = ['refused on twins.chaos-1.telemetry: NotJson'];
    const { wrong } = verdictOf(sent, recorded);
    expect(wrong).toContain(`readings: chaos-1 reading 9 of ${at(9)} was never sent`);
    expect(wrong).toContain('refused on twins.chaos-1.telemetry: NotJson');
    expect(wrong).toContain('chaos-1: reading 0 stands behind reading 3');
  });

  test('objects to an order that was made but is not completed', () => {
    const events = [placed(), ...life().slice(0, -1)];
    expect(verdictOf(sent, { ...all(), events }).wrong).toContain('ORD-1 was made but is not completed');
  });

  test('lets what was sent and not acknowledged be there or not, but not twice', () => {
    const unanswered: Ledger = { sent: entries, acknowledged: { ...entries, readings: entries.readings.slice(0, 3) } };
    expect(isClean(verdictOf(unanswered, all()))).toBe(true);
    const recorded = all();
    recorded.readings.push(...recorded.readings.slice(-1));
    expect(verdictOf(unanswered, recorded).tallies[0]?.doubled).toHaveLength(1);
  });

  test('is of what the file holds', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stratum-ledger-'));
    try {
      const file = join(folder, 'ledger');
      const book = openLedger(file);
      for (const one of entries.readings) book.sending('readings', one);
      for (const one of entries.readings.slice(0, 2)) book.acknowledge('readings', one);
      book.acknowledge('orders', order);
      expect(readLedger(file)).toEqual({
        sent: { readings: entries.readings, orders: [], reports: [] },
        acknowledged: { readings: entries.readings.slice(0, 2), orders: [order], reports: [] },
      });
      expect(book.acknowledged.readings).toEqual(entries.readings.slice(0, 2));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('finds nothing wrong with nothing', () => {
    expect(isClean(verdictOf(emptyLedger(), { readings: [], events: [], refused: [] }))).toBe(true);
  });
});

test('a crossing is counted once, however long it lasts and in whatever order the acknowledgements came', () => {
  const readings = [reading(3, 150), reading(0), reading(1, 150), reading(2, 150), reading(4), reading(5, 150)];
  const { over, back } = crossingsOf(readings);
  expect(over.map(({ serial }) => serial)).toEqual([1, 5]);
  expect(back.map(({ serial }) => serial)).toEqual([4]);
});

describe('the rules every log must keep', () => {
  test.each<[string, () => PlantEvent[], string]>([
    ['an event once', () => [event('OrderHeld', order, 'same'), event('OrderHeld', order, 'same')], 'a second time'],
    ['an order placed once', () => [placed(), placed()], 'ORD-1 was placed 2 times'],
    ['one split', () => [placed(), ...life(), ...life().slice(0, 1)], 'ORD-1 was distributed 2 times'],
    [
      'parts that add up',
      () => [event('OrderPlaced', { ...order, quantity: 31 }), ...life()],
      'the parts of ORD-1 add up to 30, not to 31',
    ],
    ['a job released', () => [placed(), ...life().filter(({ type }) => type !== 'JobReleased')], 'released 0 times'],
    ['a job dispatched once', () => [placed(), ...life(), event('JobDispatched', job)], 'dispatched 2 times'],
    ['one completion', () => [placed(), ...life(), ...life().slice(-1)], 'ORD-1 was completed 2 times'],
    ['a made order completed', () => [placed(), ...life().slice(0, -1)], 'ORD-1 is made but not completed'],
    [
      'the right totals',
      () => [placed(), ...life().slice(0, -1), event('OrderCompleted', { orderId: 'ORD-1', good: 28, defective: 1 })],
      'ORD-1 was completed with 28 good and 1 defective, but 29 and 1 were reported',
    ],
    ['no alert raised twice', () => [raised(1), raised(2)], 'is raised while it is active'],
    ['no occurrence twice', () => [raised(1), cleared(2), raised(1)], 'is raised again'],
    ['no alert cleared twice', () => [raised(1), cleared(2), cleared(3)], 'is cleared while it is not active'],
  ])('%s', (_rule, events, complaint) => {
    expect(brokenRules(events()).join('\n')).toContain(complaint);
  });

  test('hold for a life without trouble', () => {
    expect(brokenRules([placed(), ...life(), raised(1), cleared(3), raised(4)])).toEqual([]);
  });
});
