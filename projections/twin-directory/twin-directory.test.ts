import {
  type Limits,
  type TwinDefinition,
  type TwinEvent,
  twinDirectoryDocument,
} from '@stratum/contracts/twin/twin.ts';
import type { ProjectedEvent } from '@stratum/infra/projector/projection.ts';
import { expectLaws, foldAll, recordedEvent } from '@stratum/infra/projector/testing.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { twinDirectory } from './twin-directory.ts';

const limits = (low: number, high: number): Limits => ({
  low,
  high,
  deadband: 0,
  onDelaySeconds: 0,
  offDelaySeconds: 0,
  priority: 2,
});

const drillRig: TwinDefinition = {
  twinId: 'drillrig1',
  name: 'Drill Rig',
  twinType: 'drill-rig',
  valueStream: 'Upstream',
  site: 'main',
  reportingPeriodSeconds: 10,
  parameters: [
    { key: 'torque', name: 'Torque', unit: 'Nm', limits: limits(50, 150) },
    { key: 'pressure', name: 'Pressure', unit: 'bar', limits: limits(10, 60) },
  ],
};

const recorded = (sequence: number, event: TwinEvent): ProjectedEvent =>
  recordedEvent(sequence, event, { occurredAt: '2026-11-24T08:00:00Z' });
const commissioned = (sequence: number, twinId = 'drillrig1') =>
  recorded(sequence, { type: 'TwinCommissioned', data: { ...drillRig, twinId } });
const limitsChanged = (
  sequence: number,
  parameter: string,
  high: number,
  { twinId = 'drillrig1', previous = null }: { twinId?: string; previous?: Limits | null } = {},
) =>
  recorded(sequence, {
    type: 'LimitsChanged',
    data: { twinId, parameter, limits: limits(10, high), reason: 'after the overhaul', previous },
  });
const decommissioned = (sequence: number, twinId = 'drillrig1') =>
  recorded(sequence, { type: 'TwinDecommissioned', data: { twinId, reason: 'sold' } });

test('a commissioned twin is in the directory with its definition', () => {
  expect(foldAll(twinDirectory, [commissioned(1)]).get('drillrig1')).toEqual({
    ...drillRig,
    parameters: drillRig.parameters.map((parameter) => ({ ...parameter, limitsChange: null })),
    _id: 'drillrig1',
    status: 'commissioned',
    commissionedAt: '2026-11-24T08:00:00Z',
    _position: 1,
  });
});

test('changed limits apply to their parameter alone', () => {
  const twin = foldAll(twinDirectory, [commissioned(1), limitsChanged(4, 'pressure', 55)]).get('drillrig1');
  expect(twin?.parameters.map((parameter) => [parameter.key, parameter.limits.high])).toEqual([
    ['torque', 150],
    ['pressure', 55],
  ]);
  expect(twin?._position).toBe(4);
});

test('a parameter says since when and why its limits are what they are, and what they were before', () => {
  const events = [commissioned(1), limitsChanged(2, 'torque', 140), limitsChanged(3, 'pressure', 55)];
  const [torque, pressure] = foldAll(twinDirectory, events).get('drillrig1')?.parameters ?? [];
  const change = { changedAt: '2026-11-24T08:00:00Z', reason: 'after the overhaul' };
  expect(torque?.limitsChange).toEqual({ ...change, previous: limits(50, 150) });
  expect(pressure?.limitsChange).toEqual({ ...change, previous: limits(10, 60) });
});

test('a change recorded with what was before says the same as one recorded without', () => {
  const parametersAfter = (previous: Limits | null) =>
    foldAll(twinDirectory, [commissioned(1), limitsChanged(2, 'torque', 140, { previous })]).get('drillrig1')
      ?.parameters;
  expect(parametersAfter(limits(50, 150))).toEqual(parametersAfter(null));
});

test('a twin as version 1 of the read model has it is an answer too, while version 2 is being built', () => {
  const before = { ...foldAll(twinDirectory, [commissioned(1)]).get('drillrig1'), parameters: drillRig.parameters };
  // The API writes its answers by their schema, the page reads them by it.
  expect(z.encode(twinDirectoryDocument, twinDirectoryDocument.parse(before))).toEqual(before);
});

test('a decommissioned twin stays, and says so', () => {
  const twin = foldAll(twinDirectory, [commissioned(1), decommissioned(2)]).get('drillrig1');
  expect(twin).toMatchObject({ status: 'decommissioned', name: 'Drill Rig' });
});

test('any split of a history equals one batch, and twice equals once', () => {
  const twinId = fc.constantFrom('drillrig1', 'turbine1');
  const step = fc.oneof(
    twinId.map((id) => (sequence: number) => commissioned(sequence, id)),
    fc
      .tuple(
        twinId,
        fc.constantFrom('torque', 'pressure', 'unknown'),
        fc.integer({ min: 20, max: 90 }),
        fc.constantFrom(null, limits(10, 60)),
      )
      .map(
        ([id, parameter, high, previous]) =>
          (sequence: number) =>
            limitsChanged(sequence, parameter, high, { twinId: id, previous }),
      ),
    twinId.map((id) => (sequence: number) => decommissioned(sequence, id)),
  );
  const histories = fc.array(step, { maxLength: 20 }).map((steps) => steps.map((make, index) => make(index + 1)));
  expectLaws(twinDirectory, histories);
});
