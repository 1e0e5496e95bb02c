import { type AlertEvent, alertIdOf, occurrenceIdOf } from '@stratum/contracts/alert/alert.ts';
import { type JobEvent, jobIdOf } from '@stratum/contracts/job/job.ts';
import type { OrderEvent } from '@stratum/contracts/order/order.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import type { ShopfloorEvent } from '@stratum/contracts/shopfloor/shopfloor.ts';
import type { Entity } from '@stratum/contracts/subjects.ts';
import type { TwinEvent } from '@stratum/contracts/twin/twin.ts';
import { recordedEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';

/** An event of the plant and the aggregate that it is recorded on. */
export type PlantFact = {
  entity: Entity;
  id: string;
  fact: TwinEvent | AlertEvent | OrderEvent | JobEvent | ShopfloorEvent;
};

const at = (minute: number) => new Date(Date.UTC(2026, 10, 24, 20, minute)).toISOString();
const limits = { low: 0, high: 100, deadband: 0, onDelaySeconds: 0, offDelaySeconds: 0, priority: 2 } as const;

const twinIds = fc.constantFrom('pump1', 'pump2', 'turbine1');
const floorIds = fc.constantFrom('shopfloor1', 'shopfloor2');
const orderIds = fc.constantFrom('ORD-0000000001', 'ORD-0000000002', 'ORD-0000000003', 'ORD-0000000004');
const minutes = fc.integer({ min: 0, max: 4 });
const pieces = fc.integer({ min: 0, max: 40 });

const twinFacts: fc.Arbitrary<PlantFact> = fc
  .tuple(twinIds, fc.integer({ min: 1, max: 900 }))
  .chain(([twinId, high]) => {
    const parameters = [{ key: 'torque', name: 'Torque', unit: 'Nm', limits }];
    const definition = {
      twinId,
      name: `Twin ${twinId}`,
      twinType: 'pump',
      valueStream: 'Upstream',
      site: 'main',
    } as const;
    const facts: TwinEvent[] = [
      { type: 'TwinCommissioned', data: { ...definition, reportingPeriodSeconds: 10, parameters } },
      {
        type: 'LimitsChanged',
        data: { twinId, parameter: 'torque', limits: { ...limits, high }, reason: 'worn out', previous: limits },
      },
      { type: 'TwinDecommissioned', data: { twinId, reason: 'sold for scrap' } },
    ];
    return fc.constantFrom(...facts.map((fact): PlantFact => ({ entity: 'twin', id: twinId, fact })));
  });

const alertFacts: fc.Arbitrary<PlantFact> = fc.tuple(twinIds, minutes).chain(([twinId, minute]) => {
  const alertId = alertIdOf(twinId, 'torque', 'high');
  const key = { alertId, twinId, parameter: 'torque', direction: 'high' as const };
  const data = { ...key, occurrenceId: occurrenceIdOf(at(minute), alertId) };
  const readingPosition = 'TELEMETRY:1';
  const [value, limit] = [101 + minute, 100];
  const facts: AlertEvent[] = [
    {
      type: 'AlertRaised',
      data: { ...data, priority: 2, value, limit, unit: 'Nm', raisedAt: at(minute), readingPosition },
    },
    { type: 'AlertEscalated', data: { ...data, priority: 1, value, limit, escalatedAt: at(minute), readingPosition } },
    { type: 'AlertCleared', data: { ...data, value: 9, clearedAt: at(minute + 1), peak: value, readingPosition } },
    {
      type: 'AlertPersisted',
      data: { ...data, persistedAt: at(minute + 5), windowSeconds: 300, readingPosition: null },
    },
    { type: 'AlertAcknowledged', data: { ...data, acknowledgedBy: 'account:olga', acknowledgedAt: at(minute + 2) } },
  ];
  return fc.constantFrom(...facts.map((fact): PlantFact => ({ entity: 'alert', id: alertId, fact })));
});

const orderFacts: fc.Arbitrary<PlantFact> = orderIds.chain((orderId) => {
  const jobs = ['shopfloor1', 'shopfloor2'].map((shopfloorId) => ({
    jobId: jobIdOf(orderId, shopfloorId),
    shopfloorId,
    quantity: 50,
  }));
  const capacities = jobs.map(({ shopfloorId }) => ({ shopfloorId, capacityPerHour: 100, isLive: true }));
  const facts: OrderEvent[] = [
    { type: 'OrderPlaced', data: { orderId, description: 'Cola', quantity: 100, material: 'PET' } },
    { type: 'OrderHeld', data: { orderId, reason: 'NoLiveShopfloor' } },
    { type: 'OrderDistributed', data: { orderId, method: 'largest-remainder/1', capacities, jobs } },
    { type: 'OrderCompleted', data: { orderId, good: 97, defective: 3, completedAt: at(9), onTime: true } },
  ];
  return fc.constantFrom(...facts.map((fact): PlantFact => ({ entity: 'order', id: orderId, fact })));
});

const jobFacts: fc.Arbitrary<PlantFact> = fc
  .tuple(orderIds, floorIds, pieces, pieces, fc.boolean())
  .chain(([orderId, shopfloorId, produced, total, jobCompleted]) => {
    const key = { jobId: jobIdOf(orderId, shopfloorId), orderId, shopfloorId };
    const instruction = { orderId, description: 'Cola', quantity: 50, material: 'PET' };
    const amounts = {
      quantity: 50,
      produced,
      defective: 1,
      goodTotal: produced + total,
      defectiveTotal: 1 + (total % 3),
    };
    const report = {
      ...key,
      reportId: `r${total}`,
      description: 'Cola',
      ...amounts,
      reportedAt: at(produced),
      jobCompleted,
    };
    const facts: JobEvent[] = [
      { type: 'JobReleased', data: { ...key, instruction } },
      { type: 'JobDispatched', data: { ...key, topic: `shopfloor/${shopfloorId}/instructions` } },
      { type: 'WorkReported', data: report },
      { type: 'WorkReported', data: report },
    ];
    return fc.constantFrom(...facts.map((fact): PlantFact => ({ entity: 'job', id: key.jobId, fact })));
  });

const shopfloorFacts: fc.Arbitrary<PlantFact> = fc
  .tuple(floorIds, pieces, minutes)
  .chain(([shopfloorId, capacity, minute]) => {
    const facts: ShopfloorEvent[] = [
      {
        type: 'ShopfloorCommissioned',
        data: { shopfloorId, name: 'Floor', capacityPerHour: capacity, heartbeatPeriodSeconds: 10 },
      },
      { type: 'CapacitySet', data: { shopfloorId, capacityPerHour: capacity } },
      { type: 'ShopfloorWentSilent', data: { shopfloorId, lastSeenAt: at(minute), silentAfterSeconds: 30 } },
      { type: 'ShopfloorReturned', data: { shopfloorId, seenAt: at(minute) } },
    ];
    return fc.constantFrom(...facts.map((fact): PlantFact => ({ entity: 'shopfloor', id: shopfloorId, fact })));
  });

/** Facts of a small plant in any order, many more than the rules would let happen. */
export const plantFacts = fc.oneof(twinFacts, alertFacts, orderFacts, jobFacts, shopfloorFacts);

/** Facts as if read from PLANT, from sequence 1 on, a second apart. */
export function recordedFacts(facts: readonly PlantFact[]): PlantEvent[] {
  return facts.map(({ entity, id, fact }, index) => recordedEvent(index + 1, fact, { entity, id }));
}
