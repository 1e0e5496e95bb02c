import type { NatsConnection } from '@nats-io/nats-core';
import { alertIdOf, occurrenceIdOf } from '@stratum/contracts/alert/alert.ts';
import type { Command, Decided } from '@stratum/contracts/envelope.ts';
import { jobIdOf } from '@stratum/contracts/job/job.ts';
import { type Aggregate, type Entity, plantSubject, SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { encodeChanges } from '../event-store/codec.ts';
import { publisherOf } from '../event-store/publisher.ts';
import { ratePerSecond } from './measure.ts';

/** A plant of middle size: so many twins, floors, and orders and alerts open at once. */
const TWINS = 60;
const FLOORS = 8;
const ORDERS_OPEN = 12;
const ALERTS_OPEN = 20;
const FLOORS_PER_ORDER = 4;
const REPORTS_PER_JOB = 5;
/** Of 100 events, so many are about alerts and so many about twins and floors; the others are about orders. */
const ALERT_PERCENT = 28;
const OTHER_PERCENT = 2;
/** Reports claim a day that begins anew after so many events: a million of them are about four months. */
const EVENTS_PER_DAY = 8_700;
const PRODUCTS = ['Cola', 'Lemonade', 'Water'];
const IN_FLIGHT = 512;

type Fact = { entity: Entity; id: string; fact: Decided };
type Life = Iterator<Fact, void>;

/**
 * Appends `count` events of a made-up plant to PLANT, mixed as a plant's are: orders from placing to completion over four
 * floors each, alerts from raising to clearing, now and then a new limit or capacity. What happens at once is interleaved.
 */
export async function writePlantLog(nc: NatsConnection, facts: Iterator<Fact, never>, count: number): Promise<void> {
  const publisher = publisherOf(nc);
  const run = Math.random().toString(36).slice(2);
  await ratePerSecond(count, IN_FLIGHT, async (index) => {
    const { entity, id, fact } = facts.next().value;
    const aggregate: Aggregate = { site: SITE_DEFAULT, entity, id };
    const time = new Date().toISOString();
    const command: Command = {
      id: `${run}-${index}`,
      type: 'Bench',
      data: null,
      actor: 'reactor:bench',
      correlationId: run,
      time,
    };
    const [encoded] = encodeChanges([{ aggregate, after: 0, events: [fact] }], command);
    if (encoded !== undefined) await publisher.publish(plantSubject(aggregate), encoded.body, encoded.headers);
  });
}

/** The facts of the plant, without end; the same each time but for the instants at which alerts are raised. */
export function* plantLife(): Generator<Fact, never> {
  const chance = dice(7);
  for (let floor = 1; floor <= FLOORS; floor++) yield floorFact(floor, 'ShopfloorCommissioned', chance);
  for (let twin = 0; twin < TWINS; twin++) yield twinFact(twin, 'TwinCommissioned', chance);
  let orders = 0;
  let written = FLOORS + TWINS;
  const newOrder = () => orderLife(orders++, () => Math.floor(written / EVENTS_PER_DAY), chance);
  const open: Life[] = Array.from({ length: ORDERS_OPEN }, newOrder);
  const alarms: Life[] = Array.from({ length: ALERTS_OPEN }, (_, at) => alertLife(at, chance));
  for (; ; written++) {
    const kind = chance(100);
    if (kind < OTHER_PERCENT) {
      yield chance(2) === 0
        ? twinFact(chance(TWINS), 'LimitsChanged', chance)
        : floorFact(1 + chance(FLOORS), 'CapacitySet', chance);
      continue;
    }
    const [lives, anew] =
      kind < OTHER_PERCENT + ALERT_PERCENT ? [alarms, (at: number) => alertLife(at, chance)] : [open, newOrder];
    const at = chance(lives.length);
    let next = lives[at]?.next();
    if (next === undefined || next.done === true) {
      const life = anew(at);
      lives[at] = life;
      next = life.next();
    }
    if (next.done !== true) yield next.value;
  }
}

function* orderLife(index: number, day: () => number, chance: Chance): Generator<Fact, void> {
  const orderId = `ORD-${index.toString(36).toUpperCase().padStart(10, '0')}`;
  const description = PRODUCTS[index % PRODUCTS.length] ?? 'Water';
  const ofOrder = (type: string, data: object): Fact => ({
    entity: 'order',
    id: orderId,
    fact: { type, data: { orderId, ...data } },
  });
  const quantity = 100 * FLOORS_PER_ORDER;
  yield ofOrder('OrderPlaced', { description, quantity, material: 'PET' });
  const jobs = Array.from({ length: FLOORS_PER_ORDER }, (_, nth) => {
    const shopfloorId = `shopfloor${1 + ((index + 2 * nth) % FLOORS)}`;
    return { jobId: jobIdOf(orderId, shopfloorId), shopfloorId, quantity: 100 };
  });
  const capacities = jobs.map(({ shopfloorId }) => ({ shopfloorId, capacityPerHour: 100, isLive: true }));
  yield ofOrder('OrderDistributed', { method: 'largest-remainder/1', capacities, jobs });
  const ofJob = (type: string, job: { jobId: string; shopfloorId: string }, data: object): Fact => {
    const { jobId, shopfloorId } = job;
    return { entity: 'job', id: jobId, fact: { type, data: { jobId, orderId, shopfloorId, ...data } } };
  };
  const instruction = { orderId, description, quantity: 100, material: 'PET' };
  for (const job of jobs) yield ofJob('JobReleased', job, { instruction });
  for (const job of jobs) yield ofJob('JobDispatched', job, { topic: `shopfloor/${job.shopfloorId}/instructions` });
  let [good, defective] = [0, 0];
  for (let round = 1; round <= REPORTS_PER_JOB; round++) {
    for (const job of jobs) {
      const jobCompleted = round === REPORTS_PER_JOB;
      const bad = chance(2);
      const amounts = { produced: 20 - bad, defective: bad, goodTotal: round * 19, defectiveTotal: round };
      const reportedAt = new Date(Date.UTC(2026, 6, 1 + day(), chance(24), chance(60))).toISOString();
      const report = { reportId: `r${round}`, description, quantity: 100, ...amounts, reportedAt, jobCompleted };
      yield ofJob('WorkReported', job, report);
      good += 20 - bad;
      defective += bad;
      yield ofOrder('OrderProgressed', { jobId: job.jobId, good, defective, jobCompleted });
    }
  }
  yield ofOrder('OrderCompleted', { good, defective, completedAt: new Date().toISOString(), onTime: true });
}

/** Alerts are raised when they are recorded, as in a running plant. */
function* alertLife(slot: number, chance: Chance): Generator<Fact, void> {
  const twinId = `twin${(slot + ALERTS_OPEN * chance(TWINS / ALERTS_OPEN)) % TWINS}`;
  const parameter = `p${1 + chance(3)}`;
  const direction = chance(2) === 0 ? 'high' : 'low';
  const alertId = alertIdOf(twinId, parameter, direction);
  const at = () => new Date().toISOString();
  const raisedAt = at();
  const key = { alertId, twinId, parameter, direction, occurrenceId: occurrenceIdOf(raisedAt, alertId) };
  const of = (type: string, data: object): Fact => ({
    entity: 'alert',
    id: alertId,
    fact: { type, data: { ...key, ...data } },
  });
  const [value, limit, readingPosition] = [101 + chance(50), 100, 'TELEMETRY:1'];
  const priority = chance(5) === 0 ? 1 : 2;
  yield of('AlertRaised', { priority, value, limit, unit: 'bar', raisedAt, readingPosition });
  if (chance(4) === 0) yield of('AlertPersisted', { persistedAt: at(), windowSeconds: 300, readingPosition });
  if (chance(3) > 0) yield of('AlertAcknowledged', { acknowledgedBy: 'account:olga', acknowledgedAt: at() });
  yield of('AlertCleared', { value: 90, clearedAt: at(), peak: value, readingPosition });
}

function twinFact(twin: number, type: 'TwinCommissioned' | 'LimitsChanged', chance: Chance): Fact {
  const twinId = `twin${twin}`;
  const limits = { low: 0, high: 100 + chance(50), deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 2 };
  const keys = ['p1', 'p2', 'p3'];
  const definition = {
    ...{ twinId, name: `Twin ${twin}`, twinType: 'pump', valueStream: 'Upstream', site: SITE_DEFAULT },
    reportingPeriodSeconds: 10,
    parameters: keys.map((key) => ({ key, name: key, unit: 'bar', limits })),
  };
  const change = { twinId, parameter: keys[chance(keys.length)], limits, reason: 'season', previous: limits };
  return { entity: 'twin', id: twinId, fact: { type, data: type === 'TwinCommissioned' ? definition : change } };
}

function floorFact(floor: number, type: 'ShopfloorCommissioned' | 'CapacitySet', chance: Chance): Fact {
  const shopfloorId = `shopfloor${floor}`;
  const capacity = { shopfloorId, capacityPerHour: 80 + chance(80) };
  const data = type === 'CapacitySet' ? capacity : { ...capacity, name: `Floor ${floor}`, heartbeatPeriodSeconds: 10 };
  return { entity: 'shopfloor', id: shopfloorId, fact: { type, data } };
}

/** A whole number from 0 up to, not including, its argument. */
type Chance = (below: number) => number;

/** The same numbers each time: a multiplicative congruential generator with the modulus 2^31 - 1 (Lehmer's, multiplier 48271). */
export function dice(seed: number): Chance {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}
