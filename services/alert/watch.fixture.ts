import type { ReadingRecorded } from '@stratum/contracts/recorded.ts';
import { type Limits, type TwinDefinition, twinDefinitionSchema } from '@stratum/contracts/twin/twin.ts';

/** A pump whose flow should stay in 10–60. */
export function pump(twinId: string, limits: Partial<Limits> = {}): TwinDefinition {
  return twinDefinitionSchema.parse({
    twinId,
    name: 'Pump',
    twinType: 'pump',
    valueStream: 'Other',
    parameters: [{ key: 'flow', name: 'Flow', unit: 'm³/h', limits: { low: 10, high: 60, ...limits } }],
  });
}

/** A reading as the watch gets it. */
export function readingOf(twinId: string, sequence: number, observedAt: string, flow: number): ReadingRecorded {
  const position = `TELEMETRY:${sequence}`;
  return {
    type: 'ReadingRecorded',
    data: { observedAt, values: { flow }, outside: {} },
    envelope: {
      id: position,
      version: 1,
      source: '/services/telemetry',
      subject: twinId,
      occurredAt: observedAt,
      correlationId: position,
      causationId: position,
      actor: 'gateway:telemetry',
    },
    recorded: { position, sequence, recordedAt: observedAt, site: 'main', entity: 'twin' },
  };
}
