import type { AlertEvent } from '@stratum/contracts/alert/alert.ts';
import type { EventOf } from '@stratum/contracts/envelope.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import type { TwinEvent } from '@stratum/contracts/twin/twin.ts';
import { describe, expect, test } from 'vitest';
import { alertDecider } from './alert.ts';
import { pump, readingOf } from './watch.fixture.ts';
import { type AlertOrder, createWatch, HELD_BACK_READINGS_MAX, type Watch } from './watch.ts';

const START_MS = Date.parse('2026-11-24T20:00:00.000Z');
const at = (second: number) => new Date(START_MS + second * 1000).toISOString();
let sequence = 0;

function recordedAs(event: TwinEvent | AlertEvent, entity: string, recordedAt = at(0)): PlantEvent {
  sequence += 1;
  const { envelope } = readingOf('', sequence, recordedAt, 0);
  const recorded = { position: `PLANT:${sequence}`, sequence, recordedAt, site: 'main', entity };
  return { ...event, envelope, recorded } as PlantEvent;
}

/** What the log would record of these orders, learned by the watch. */
function record(watch: Watch, orders: AlertOrder[], recordedAt?: string): void {
  for (const { command } of orders) {
    const events = alertDecider.decide(alertDecider.initial, command);
    for (const event of events) watch.learn(recordedAs(event, 'alert', recordedAt) as EventOf<AlertEvent>);
  }
}

/** The same for orders of one alert that follow one another. */
function recordAll(watch: Watch, orders: AlertOrder[]): void {
  let state = alertDecider.initial;
  for (const { command } of orders) {
    for (const event of alertDecider.decide(state, command)) {
      state = alertDecider.evolve(state, event);
      watch.learn(recordedAs(event, 'alert'));
    }
  }
}

function watchOver(...twins: Parameters<typeof pump>[]): Watch {
  const watch = createWatch();
  for (const twin of twins) {
    watch.learn(recordedAs({ type: 'TwinCommissioned', data: pump(...twin) }, 'twin'));
  }
  return watch;
}

describe('a watch', () => {
  test('orders what a reading changes, with an id that follows from it', () => {
    const watch = watchOver(['pump1']);
    expect(watch.observe(readingOf('pump1', 7, at(0), 50))).toEqual([]);
    const orders = watch.observe(readingOf('pump1', 8, at(10), 61));
    expect(orders).toMatchObject([
      {
        aggregate: { site: 'main', entity: 'alert', id: 'pump1_flow_high' },
        command: {
          id: `alert:TELEMETRY:8:pump1_flow_high:raise:${Date.parse(at(10))}`,
          type: 'RaiseAlert',
          time: at(10),
          correlationId: 'TELEMETRY:8',
          data: { value: 61, limit: 60, unit: 'm³/h', raisedAt: at(10) },
        },
      },
    ]);
  });
  test('knows nothing of twins that were never commissioned, and passes over those out of service', () => {
    const watch = watchOver(['pump1']);
    expect(watch.knows('pump2')).toBe('unknown');
    expect(watch.observe(readingOf('pump2', 1, at(0), 99))).toEqual([]);
    watch.learn(recordedAs({ type: 'TwinDecommissioned', data: { twinId: 'pump1', reason: 'worn out' } }, 'twin'));
    expect(watch.knows('pump1')).toBe('decommissioned');
    expect(watch.observe(readingOf('pump1', 1, at(0), 99))).toEqual([]);
  });
  test('holds back where the first delay that runs began, until none runs', () => {
    const watch = watchOver(['pump1', { onDelaySeconds: 60 }], ['pump2', { onDelaySeconds: 60 }]);
    watch.observe(readingOf('pump1', 5, at(0), 61));
    watch.observe(readingOf('pump2', 6, at(0), 61));
    watch.observe(readingOf('pump1', 7, at(10), 61));
    expect(watch.heldBack()).toBe(5);
    watch.observe(readingOf('pump1', 8, at(20), 50));
    expect(watch.heldBack()).toBe(6);
    watch.observe(readingOf('pump2', 9, at(60), 61));
    expect(watch.heldBack()).toBeUndefined();
  });
  test('holds nothing back for a twin that fell silent, once enough readings of others have passed', () => {
    const watch = watchOver(['pump1', { onDelaySeconds: 60 }], ['pump2']);
    watch.observe(readingOf('pump1', 5, at(0), 61));
    watch.observe(readingOf('pump2', 5 + HELD_BACK_READINGS_MAX, at(10), 50));
    expect(watch.heldBack()).toBe(5);
    watch.observe(readingOf('pump2', 6 + HELD_BACK_READINGS_MAX, at(20), 50));
    expect(watch.heldBack()).toBeUndefined();
    expect(watch.observe(readingOf('pump1', 7 + HELD_BACK_READINGS_MAX, at(60), 61))).toHaveLength(1);
  });
  test('goes on from what the log says of an alert, with its worst value restored', () => {
    const before = watchOver(['pump1']);
    const raised = before.observe(readingOf('pump1', 5, at(0), 61));
    const watch = watchOver(['pump1']);
    record(watch, raised);
    expect(watch.standing()).toEqual([
      { aggregate: raised[0]?.aggregate, twinId: 'pump1', parameter: 'flow', direction: 'high', since: 5 },
    ]);
    for (const standing of watch.standing()) watch.restorePeak(standing, 88);
    expect(watch.observe(readingOf('pump1', 5, at(0), 61))).toEqual([]);
    expect(watch.observe(readingOf('pump1', 9, at(40), 50))).toMatchObject([
      { command: { type: 'ClearAlert', data: { value: 50, peak: 88 } } },
    ]);
  });
  test('takes no worst value from before for an occurrence that another worker raised since', () => {
    const before = watchOver(['pump1']);
    const [raised, cleared, raisedAgain] = [
      before.observe(readingOf('pump1', 5, at(0), 61)),
      before.observe(readingOf('pump1', 6, at(10), 50)),
      before.observe(readingOf('pump1', 7, at(20), 62)),
    ];
    const watch = watchOver(['pump1']);
    recordAll(watch, raised);
    const standing = watch.standing();
    recordAll(watch, [...raised, ...cleared, ...raisedAgain]);
    for (const one of standing) watch.restorePeak(one, 88);
    expect(watch.observe(readingOf('pump1', 9, at(40), 50))).toMatchObject([
      { command: { type: 'ClearAlert', data: { value: 50, peak: 62 } } },
    ]);
  });
  test('knows after a restart which readings come late', () => {
    const watch = watchOver(['pump1']);
    watch.prime(readingOf('pump1', 5, at(60), 50));
    expect(watch.observe(readingOf('pump1', 6, at(50), 61))).toEqual([]);
    expect(watch.observe(readingOf('pump1', 7, at(60), 61))).toHaveLength(1);
  });
  test('knows from the log alone that a reading from before the last verdict comes late', () => {
    const before = watchOver(['pump1', { deadband: 1 }]);
    const raised = before.observe(readingOf('pump1', 5, at(60), 61));
    const watch = watchOver(['pump1', { deadband: 1 }]);
    record(watch, raised);
    expect(watch.observe(readingOf('pump1', 6, at(50), 50))).toEqual([]);
    expect(watch.observe(readingOf('pump1', 7, at(60), 50))).toMatchObject([{ command: { type: 'ClearAlert' } }]);
  });
  test('judges anew what lies before a verdict that the log knows, for a delay that began there', () => {
    const limits = { offDelaySeconds: 10, onDelaySeconds: 30 };
    const readings = [
      readingOf('pump1', 1, at(0), 61),
      readingOf('pump1', 2, at(30), 61),
      readingOf('pump1', 3, at(40), 5),
      readingOf('pump1', 4, at(50), 5),
    ];
    const before = watchOver(['pump1', limits]);
    const orders = readings.map((reading) => before.observe(reading));
    expect(orders.map(([order]) => order?.command.type)).toEqual([undefined, 'RaiseAlert', undefined, 'ClearAlert']);
    expect(before.heldBack()).toBe(3);
    const watch = watchOver(['pump1', limits]);
    recordAll(watch, orders.flat());
    for (const reading of readings.slice(2)) expect(watch.observe(reading)).toEqual([]);
    expect(watch.observe(readingOf('pump1', 5, at(70), 5))).toMatchObject([
      { aggregate: { id: 'pump1_flow_low' }, command: { type: 'RaiseAlert' } },
    ]);
  });
  test('lets the clock make an alert persistent five minutes after both its times, and only once', () => {
    const watch = watchOver(['pump1']);
    record(watch, watch.observe(readingOf('pump1', 5, at(0), 61)), at(100));
    expect(watch.due(START_MS + 399_999)).toEqual([]);
    const due = watch.due(START_MS + 400_000);
    expect(due).toMatchObject([
      { command: { id: `alert:persist:${at(0)}~pump1_flow_high`, data: { readingPosition: null, at: at(400) } } },
    ]);
    const key = { alertId: 'pump1_flow_high', twinId: 'pump1', parameter: 'flow', direction: 'high' } as const;
    const fact = { occurrenceId: `${at(0)}~pump1_flow_high`, persistedAt: at(300), windowSeconds: 300 };
    const data = { ...key, ...fact, readingPosition: null };
    watch.learn(recordedAs({ type: 'AlertPersisted', data }, 'alert'));
    expect(watch.due(START_MS + 500_000)).toEqual([]);
  });
});
